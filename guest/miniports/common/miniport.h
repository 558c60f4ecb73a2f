// What a miniport of one disk tells its port, whatever the controller, and how it gives requests back.
#ifndef MINIPORT_H
#define MINIPORT_H
#include "srb.h"

/** All but routines and features. `Size` is that of the Windows that the driver is built for. */
void MiniportDescribe(HW_INITIALIZATION_DATA *Data, ULONG Size, ULONG DeviceExtensionSize, ULONG SrbExtensionSize);

/** An adapter of one disk. Transfer limits, alignment, cache and 64-bit addresses are the controller's. */
void MiniportDescribeAdapter(PORT_CONFIGURATION_INFORMATION *ConfigInfo, ULONG SynchronizationModel);

/** The first boundary in an uncached extension, which is hardly aligned in a dump (DM-13), and its physical address. */
void *MiniportAlign(void *DeviceExtension, UCHAR *Block, ULONG Alignment, ULONG64 *Address);

/** ScsiQuerySupportedControlTypes: stop and restart. */
ULONG MiniportListControlTypes(SCSI_SUPPORTED_CONTROL_TYPE_LIST *List);

/** FALSE, for HwBuildIo: the SRB was completed here and must not be started. */
BOOLEAN MiniportEnd(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb, UCHAR SrbStatus);

/** TRUE, for HwStartIo: there is no slot. The port sends the SRB again when a request has ended. */
BOOLEAN MiniportBusy(void *DeviceExtension, SCSI_REQUEST_BLOCK *Srb);

/** TRUE when `Text` holds `dump=1`, in letters of any case (DM-03). */
BOOLEAN ArgumentsSayDump(const CHAR *Text);

#endif
