// What a miniport with one disk tells its port, for any controller, and how it completes requests.
#ifndef MINIPORT_H
#define MINIPORT_H
#include "srb.h"

/** Fills in all fields but routines and features. `Size` is that of the Windows version that the driver is built for. */
void MiniportDescribe(HW_INITIALIZATION_DATA *Data, ULONG Size, ULONG DeviceExtensionSize, ULONG SrbExtensionSize);

/** An adapter with one disk. The controller's code sets transfer limits, alignment, cache and 64-bit addresses. */
void MiniportDescribeAdapter(PORT_CONFIGURATION_INFORMATION *ConfigInfo, ULONG SynchronizationModel);

/** Returns the first boundary in an uncached extension, which in a dump may be aligned to 8 bytes only (DM-13), and its address. */
void *MiniportAlign(void *DeviceExtension, UCHAR *Block, ULONG Alignment, ULONG64 *Address);

/** Answers ScsiQuerySupportedControlTypes: stop and restart. */
ULONG MiniportListControlTypes(SCSI_SUPPORTED_CONTROL_TYPE_LIST *List);

/** Returns FALSE, for HwBuildIo: the SRB was completed here and must not be started. */
BOOLEAN MiniportEnd(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb, UCHAR SrbStatus);

/** Returns TRUE, for HwStartIo: no slot is free. The port sends the SRB again when a request has completed. */
BOOLEAN MiniportBusy(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb);

/** TRUE when `Text` holds `dump=1`, in letters of any case (DM-03). */
BOOLEAN ArgumentsSayDump(const CHAR *Text);

#endif
