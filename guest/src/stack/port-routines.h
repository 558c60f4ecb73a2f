// Export names of the port drivers: import tables of 44 port clients and the export table of one dump port.
#ifndef PORT_ROUTINES_H
#define PORT_ROUTINES_H

#define PORT_ACCESSORS(X, Family) \
    X(Family##ReadPortUchar) X(Family##ReadPortUshort) X(Family##ReadPortUlong) \
    X(Family##ReadPortBufferUchar) X(Family##ReadPortBufferUshort) X(Family##ReadPortBufferUlong) \
    X(Family##ReadRegisterUchar) X(Family##ReadRegisterUshort) X(Family##ReadRegisterUlong) \
    X(Family##ReadRegisterBufferUchar) X(Family##ReadRegisterBufferUshort) X(Family##ReadRegisterBufferUlong) \
    X(Family##WritePortUchar) X(Family##WritePortUshort) X(Family##WritePortUlong) \
    X(Family##WritePortBufferUchar) X(Family##WritePortBufferUshort) X(Family##WritePortBufferUlong) \
    X(Family##WriteRegisterUchar) X(Family##WriteRegisterUshort) X(Family##WriteRegisterUlong) \
    X(Family##WriteRegisterBufferUchar) X(Family##WriteRegisterBufferUshort) X(Family##WriteRegisterBufferUlong)

/** Exports of storport.sys, and of the dump port that takes its place, for Storport miniports. */
#define STORPORT_ROUTINES(X) \
    X(StorPortInitialize) X(StorPortNotification) X(StorPortExtendedFunction) X(StorPortGetDeviceBase) \
    X(StorPortFreeDeviceBase) X(StorPortGetPhysicalAddress) X(StorPortGetVirtualAddress) \
    X(StorPortGetScatterGatherList) X(StorPortGetUncachedExtension) X(StorPortGetBusData) \
    X(StorPortSetBusDataByOffset) X(StorPortSetDeviceQueueDepth) X(StorPortStallExecution) X(StorPortBusy) \
    X(StorPortReady) X(StorPortPause) X(StorPortResume) X(StorPortPauseDevice) X(StorPortResumeDevice) \
    X(StorPortDeviceBusy) X(StorPortDeviceReady) X(StorPortAllocateRegistryBuffer) X(StorPortFreeRegistryBuffer) \
    X(StorPortRegistryRead) X(StorPortRegistryWrite) X(StorPortQuerySystemTime) X(StorPortLogError) \
    X(StorPortDebugPrint) X(StorPortMoveMemory) X(StorPortCompleteRequest) X(StorPortConvertUlongToPhysicalAddress) \
    X(StorPortGetLogicalUnit) X(StorPortGetSrb) X(StorPortSynchronizeAccess) X(StorPortValidateRange)

#define SCSIPORT_ROUTINES(X) \
    X(ScsiPortInitialize) X(ScsiPortNotification) X(ScsiPortGetDeviceBase) X(ScsiPortFreeDeviceBase) \
    X(ScsiPortLogError) X(ScsiPortStallExecution) X(ScsiPortGetBusData) X(ScsiPortSetBusDataByOffset) \
    X(ScsiPortGetPhysicalAddress) X(ScsiPortGetVirtualAddress) X(ScsiPortCompleteRequest) \
    X(ScsiPortGetUncachedExtension) X(ScsiPortMoveMemory) X(ScsiPortConvertUlongToPhysicalAddress) \
    X(ScsiPortConvertPhysicalAddressToUlong) X(ScsiPortGetLogicalUnit) X(ScsiPortGetSrb) X(ScsiPortValidateRange) \
    X(ScsiPortQuerySystemTime) X(ScsiPortFlushDma) X(ScsiPortIoMapTransfer) X(ScsiDebugPrint)

#endif
