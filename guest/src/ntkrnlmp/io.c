// The path of a device control request from the system service to a driver, and the routines that drivers import to receive one.
#include "kernel.h"

/** FILE_OBJECT.DeviceObject */
#define FILE_OBJECT_DEVICE 8

#define STACK_LOCATIONS 8
#define IRP_TYPE 6

/** The storage of this kernel for requests; a request in progress has its type. */
static struct _IOP_REQUEST {
    struct _IRP Irp;
    struct _IO_STACK_LOCATION Stack[STACK_LOCATIONS];
    struct _KEVENT Event;
} IopRequests[16];

static struct _IOP_REQUEST *IopAllocateRequest(void) {
    for (ULONG i = 0; i < sizeof(IopRequests) / sizeof(IopRequests[0]); i++) {
        if (IopRequests[i].Irp.Type == IRP_TYPE) continue;
        memset(&IopRequests[i], 0, sizeof(IopRequests[i]));
        IopRequests[i].Irp.Type = IRP_TYPE;
        return &IopRequests[i];
    }
    return NULL;
}

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
    struct _IOP_REQUEST *request = IopAllocateRequest();
    if (request == NULL) return STATUS_INSUFFICIENT_RESOURCES;
    struct _IRP *irp = &request->Irp;
    irp->Size = sizeof(*request);
    irp->StackCount = STACK_LOCATIONS;
    irp->CurrentLocation = STACK_LOCATIONS + 1;
    irp->CurrentStackLocation = &request->Stack[STACK_LOCATIONS];
    irp->Thread = (struct _ETHREAD *)prcb->CurrentThread;
    irp->UserIosb = IoStatusBlock;
    irp->UserBuffer = OutputBuffer;
    irp->UserEvent = &request->Event;
    struct _IO_STACK_LOCATION *next = irp->CurrentStackLocation - 1;
    next->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    next->FileObject = FileObject;
    next->OutputBufferLength = OutputBufferLength;
    next->InputBufferLength = InputBufferLength;
    next->IoControlCode = IoControlCode;
    next->Type3InputBuffer = InputBuffer;
    NTSTATUS status = IopSynchronousServiceTail(device, irp, prcb);
    irp->Type = 0;
    return status;
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

static struct _DRIVER_OBJECT IopDrivers[8];
static ULONG IopDriverCount;

/** The routine of each function that a driver leaves out: it fails the request. */
NOINLINE NTSTATUS IopInvalidDeviceRequest(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp) {
    (void)DeviceObject;
    Irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    IofCompleteRequest(Irp, 0);
    return STATUS_INVALID_DEVICE_REQUEST;
}

/** Calls the entry point of an image that has been mapped; NULL when DriverEntry fails. */
NOINLINE struct _DRIVER_OBJECT *IopLoadDriver(struct _KLDR_DATA_TABLE_ENTRY *Entry) {
    if (IopDriverCount == sizeof(IopDrivers) / sizeof(IopDrivers[0])) return NULL;
    struct _DRIVER_OBJECT *driver = &IopDrivers[IopDriverCount];
    driver->Type = 4;
    driver->Size = sizeof(*driver);
    driver->DriverStart = Entry->DllBase;
    driver->DriverSize = Entry->SizeOfImage;
    driver->DriverSection = Entry;
    driver->DriverName = Entry->BaseDllName;
    driver->DriverInit = (DRIVER_INITIALIZE *)Entry->EntryPoint;
    for (ULONG i = 0; i < sizeof(driver->MajorFunction) / sizeof(driver->MajorFunction[0]); i++) {
        driver->MajorFunction[i] = IopInvalidDeviceRequest;
    }
    if (driver->DriverInit(driver, NULL) < 0) return NULL;
    IopDriverCount++;
    return driver;
}

/** FILE_OBJECT: the fields that a request uses. */
static struct {
    SHORT Type;
    SHORT Size;
    ULONG Reserved4;
    struct _DEVICE_OBJECT *DeviceObject;
    UCHAR Reserved10[0xC8];
} IopFiles[8];
_Static_assert(sizeof(IopFiles[0]) == 0xD8, "_FILE_OBJECT");
static ULONG IopFileCount;

/** A device whose requests wait for ever, as on a pipe that has no writer. */
static NTSTATUS IopPendRequest(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp) {
    Irp->CurrentStackLocation->DeviceObject = DeviceObject;
    Irp->PendingReturned = TRUE;
    return STATUS_PENDING;
}
static struct _DRIVER_OBJECT IopPendingDriver = {
    .Type = 4, .Size = sizeof(DRIVER_OBJECT), .MajorFunction[IRP_MJ_DEVICE_CONTROL] = IopPendRequest
};
static struct _DEVICE_OBJECT IopPendingDevice = {
    .Type = 3, .Size = sizeof(DEVICE_OBJECT), .DriverObject = &IopPendingDriver, .StackSize = 1
};

NOINLINE struct _DRIVER_OBJECT *IopGetPendingDriver(void) {
    IopPendingDriver.DeviceObject = &IopPendingDevice;
    return &IopPendingDriver;
}

/** Opens the driver's first device; a handle of this kernel is the file object itself. NULL where there is none. */
NOINLINE void *IopOpenDevice(struct _DRIVER_OBJECT *DriverObject) {
    if (DriverObject->DeviceObject == NULL || IopFileCount == sizeof(IopFiles) / sizeof(IopFiles[0])) return NULL;
    IopFiles[IopFileCount].Type = 5;
    IopFiles[IopFileCount].Size = sizeof(IopFiles[0]);
    IopFiles[IopFileCount].DeviceObject = DriverObject->DeviceObject;
    return &IopFiles[IopFileCount++];
}
