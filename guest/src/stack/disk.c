// disk.sys: the disk class driver. Passes requests to the device below it.
#include "synthetic.h"

IMPORT NTSTATUS IofCallDriver(DEVICE_OBJECT *DeviceObject, IRP *Irp);
IMPORT void IofCompleteRequest(IRP *Irp, CHAR PriorityBoost);

EXPORT NTSTATUS DiskDeviceControl(DEVICE_OBJECT *DeviceObject, IRP *Irp) {
    DEVICE_OBJECT *lower = DeviceObject->NextDevice;
    if (lower != NULL) return IofCallDriver(lower, Irp);
    Irp->IoStatus.Status = SyntheticRoutine("DiskDeviceControl");
    IofCompleteRequest(Irp, 0);
    return STATUS_NOT_IMPLEMENTED;
}

NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    if (RegistryPath == NULL) return STATUS_UNSUCCESSFUL;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = DiskDeviceControl;
    return STATUS_SUCCESS;
}
