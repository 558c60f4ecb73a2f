// Everything in the configuration as large as its field.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    PORT_CONFIGURATION_INFORMATION *config = At->Config;
    config->NumberOfBuses = 255;
    config->MaximumNumberOfTargets = 255;
    config->MaximumNumberOfLogicalUnits = 255;
    config->MaximumTransferLength = 0xFFFFFFFF;
    config->NumberOfPhysicalBreaks = 0xFFFFFFFF;
    config->SrbExtensionSize = 0xFFFFFFFF;
    config->SpecificLuExtensionSize = 0xFFFFFFFF;
    config->RequestedDumpBufferSize = 0xFFFFFFFF;
    config->NumberOfAccessRanges = 0xFFFFFFFF;
    config->AlignmentMask = 0xFFFFFFFF;
}
