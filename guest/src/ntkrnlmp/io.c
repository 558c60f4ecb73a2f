// The way of a device control request from the system service to a driver, and what drivers import to get one.
#include "kernel.h"

/** FILE_OBJECT.DeviceObject */
#define FILE_OBJECT_DEVICE 8

#define STACK_LOCATIONS 8

/** Request storage of this kernel: one request is under way at a time. */
static struct {
    struct _IRP Irp;
    struct _IO_STACK_LOCATION Stack[STACK_LOCATIONS];
    struct _KEVENT Event;
} IopIrp;

NOINLINE NTSTATUS IofCallDriver(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp) {
    if (Irp->CurrentLocation <= 1) KeBugCheckEx(0x35, (ULONG64)Irp, 0, 0, 0); // NO_MORE_IRP_STACK_LOCATIONS
    Irp->CurrentLocation--;
    struct _IO_STACK_LOCATION *stack = --Irp->CurrentStackLocation;
    stack->DeviceObject = DeviceObject;
    return DeviceObject->DriverObject->MajorFunction[stack->MajorFunction](DeviceObject, Irp);
}

NOINLINE void IofCompleteRequest(struct _IRP *Irp, CHAR PriorityBoost) {
    Irp->PendingReturned = FALSE;
    Irp->CurrentLocation = Irp->StackCount + 2;
    if (Irp->UserIosb != NULL) *Irp->UserIosb = Irp->IoStatus;
    if (Irp->UserEvent != NULL) Irp->UserEvent->Header.SignalState = 1;
    if (Irp->Thread != NULL) Irp->Thread->Tcb.PriorityDecrement += PriorityBoost;
}

NOINLINE NTSTATUS IopSynchronousServiceTail(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp,
                                            struct _KPRCB *Prcb) {
    Prcb->KeSystemCalls++;
    NTSTATUS status = IofCallDriver(DeviceObject, Irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(Irp->UserEvent, 0, 0, FALSE, NULL);
        status = Irp->IoStatus.Status;
    }
    return status;
}

NOINLINE NTSTATUS IopXxxControlFile(void *FileObject, IO_STATUS_BLOCK *IoStatusBlock, ULONG IoControlCode,
                                    void *InputBuffer, ULONG InputBufferLength, void *OutputBuffer,
                                    ULONG OutputBufferLength) {
    struct _DEVICE_OBJECT *device = *(struct _DEVICE_OBJECT **)((char *)FileObject + FILE_OBJECT_DEVICE);
    struct _KPRCB *prcb = KeGetCurrentPrcb();
    memset(&IopIrp, 0, sizeof(IopIrp));
    struct _IRP *irp = &IopIrp.Irp;
    irp->Type = 6;
    irp->Size = sizeof(IopIrp);
    irp->StackCount = STACK_LOCATIONS;
    irp->CurrentLocation = STACK_LOCATIONS + 1;
    irp->CurrentStackLocation = &IopIrp.Stack[STACK_LOCATIONS];
    irp->Thread = (struct _ETHREAD *)prcb->CurrentThread;
    irp->UserIosb = IoStatusBlock;
    irp->UserBuffer = OutputBuffer;
    irp->UserEvent = &IopIrp.Event;
    struct _IO_STACK_LOCATION *next = irp->CurrentStackLocation - 1;
    next->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    next->FileObject = FileObject;
    next->OutputBufferLength = OutputBufferLength;
    next->InputBufferLength = InputBufferLength;
    next->IoControlCode = IoControlCode;
    next->Type3InputBuffer = InputBuffer;
    return IopSynchronousServiceTail(device, irp, prcb);
}

/** Requests of this kernel are synchronous: no event, no APC. */
NOINLINE NTSTATUS NtDeviceIoControlFile(void *FileObject, void *Event, void *ApcRoutine, void *ApcContext,
                                        IO_STATUS_BLOCK *IoStatusBlock, ULONG IoControlCode, void *InputBuffer,
                                        ULONG InputBufferLength, void *OutputBuffer, ULONG OutputBufferLength) {
    if (Event != NULL || ApcRoutine != NULL || ApcContext != NULL) return STATUS_NOT_IMPLEMENTED;
    return IopXxxControlFile(FileObject, IoStatusBlock, IoControlCode, InputBuffer, InputBufferLength, OutputBuffer,
                             OutputBufferLength);
}

/** Devices that drivers create; nothing here frees one. */
static struct _DEVICE_OBJECT IopDevices[8];
static ULONG IopDeviceCount;

NOINLINE NTSTATUS IoCreateDevice(struct _DRIVER_OBJECT *DriverObject, ULONG DeviceExtensionSize,
                                 UNICODE_STRING *DeviceName, ULONG DeviceType, ULONG Characteristics, BOOLEAN Exclusive,
                                 struct _DEVICE_OBJECT **DeviceObject) {
    if (DeviceExtensionSize != 0 || DeviceName == NULL || Exclusive) return STATUS_NOT_IMPLEMENTED;
    if (IopDeviceCount == sizeof(IopDevices) / sizeof(IopDevices[0])) return STATUS_UNSUCCESSFUL;
    struct _DEVICE_OBJECT *device = &IopDevices[IopDeviceCount++];
    device->Type = 3;
    device->Size = sizeof(*device);
    device->ReferenceCount = 1;
    device->DriverObject = DriverObject;
    device->NextDevice = DriverObject->DeviceObject;
    device->DeviceType = DeviceType;
    device->Characteristics = Characteristics;
    device->StackSize = 1;
    DriverObject->DeviceObject = device;
    *DeviceObject = device;
    return STATUS_SUCCESS;
}
