// Timers and work items without number, each of them set.
#include "hostile.h"

static void Nothing(void) {}

void Attack(MOMENT_OF_ATTACK *At) {
    FOREVER {
        void *handle = NULL;
        StorPortExtendedFunction(ExtFunctionInitializeTimer, At->Extension, &handle);
        StorPortExtendedFunction(ExtFunctionRequestTimer, At->Extension, handle, Nothing, NULL, (ULONG64)1, (ULONG64)0);
        StorPortExtendedFunction(ExtFunctionInitializeWorker, At->Extension, &handle);
        StorPortExtendedFunction(ExtFunctionQueueWorkItem, At->Extension, Nothing, handle, NULL);
    }
}
