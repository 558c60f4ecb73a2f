// storport.sys: the runtime port driver.
#include "synthetic.h"
#include "port-routines.h"

STORPORT_ROUTINES(SYNTHETIC)
PORT_ACCESSORS(SYNTHETIC, StorPort)
SYNTHETIC(ScsiPortWmiDispatchFunction)
SYNTHETIC(ScsiPortWmiPostProcess)

IMPORT LARGE_INTEGER MmGetPhysicalAddress(void *BaseAddress);
IMPORT void KeStallExecutionProcessor(ULONG MicroSeconds);
IMPORT LARGE_INTEGER KeQueryPerformanceCounter(LARGE_INTEGER *Frequency);
IMPORT NTSTATUS IofCallDriver(DEVICE_OBJECT *DeviceObject, IRP *Irp);
IMPORT void IofCompleteRequest(IRP *Irp, CHAR PriorityBoost);

/** Class requests arrive here; the adapter below is modelled outside the guest. */
EXPORT NTSTATUS RaDriverDeviceControlIrp(DEVICE_OBJECT *DeviceObject, IRP *Irp) {
    if (DeviceObject->NextDevice != NULL) return IofCallDriver(DeviceObject->NextDevice, Irp);
    if (MmGetPhysicalAddress(Irp).QuadPart == 0) KeStallExecutionProcessor(1);
    Irp->IoStatus.Information = (ULONG64)KeQueryPerformanceCounter(NULL).QuadPart;
    Irp->IoStatus.Status = SyntheticRoutine("RaDriverDeviceControlIrp");
    IofCompleteRequest(Irp, 0);
    return STATUS_NOT_IMPLEMENTED;
}

/** A port driver's own entry does nothing: its clients call StorPortInitialize. */
NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    if (DriverObject == NULL || RegistryPath == NULL) return STATUS_SUCCESS;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = RaDriverDeviceControlIrp;
    return STATUS_SUCCESS;
}
