// crashtst.sys: the test's crash driver. A device control request raises bugcheck 0xE2, as a keyboard crash does.
#include "io.h"

#define MANUALLY_INITIATED_CRASH 0xE2
#define FILE_DEVICE_UNKNOWN 0x22
/** CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, METHOD_BUFFERED, FILE_WRITE_ACCESS) */
#define IOCTL_CRASH_TEST_BUGCHECK 0x0022A000

__declspec(dllimport) void KeBugCheckEx(ULONG Code, ULONG64 P1, ULONG64 P2, ULONG64 P3, ULONG64 P4);
__declspec(dllimport) NTSTATUS IoCreateDevice(DRIVER_OBJECT *DriverObject, ULONG DeviceExtensionSize, UNICODE_STRING *DeviceName,
                                              ULONG DeviceType, ULONG Characteristics, BOOLEAN Exclusive, DEVICE_OBJECT **DeviceObject);
__declspec(dllimport) void IofCompleteRequest(IRP *Irp, CHAR PriorityBoost);
__declspec(dllimport) void RtlInitUnicodeString(UNICODE_STRING *Destination, WCHAR *Source);
__declspec(dllimport) ULONG DbgPrint(const char *Format, ...);

static ULONG CrashTestRequests;

NOINLINE void CrashTestTriggerBugcheck(ULONG64 P1, ULONG64 P2, ULONG64 P3, ULONG64 P4) {
    DbgPrint("crashtst: bugcheck 0xE2 on request\n");
    CrashTestRequests++;
    KeBugCheckEx(MANUALLY_INITIATED_CRASH, P1, P2, P3, P4);
}

static NTSTATUS CrashTestComplete(IRP *Irp, NTSTATUS Status) {
    Irp->IoStatus.Status = Status;
    Irp->IoStatus.Information = 0;
    IofCompleteRequest(Irp, 0);
    return Status;
}

NOINLINE NTSTATUS CrashTestCreateClose(DEVICE_OBJECT *DeviceObject, IRP *Irp) {
    (void)DeviceObject;
    return CrashTestComplete(Irp, STATUS_SUCCESS);
}

NOINLINE NTSTATUS CrashTestDeviceControl(DEVICE_OBJECT *DeviceObject, IRP *Irp) {
    IO_STACK_LOCATION *stack = Irp->CurrentStackLocation;
    NTSTATUS status = STATUS_INVALID_DEVICE_REQUEST;
    DeviceObject->ActiveThreadCount++;
    if (stack->IoControlCode == IOCTL_CRASH_TEST_BUGCHECK) {
        // The bugcheck has no parameters of its own: a program may pass four values, which it then finds in the dump.
        static const ULONG64 none[4];
        const ULONG64 *parameters = stack->InputBufferLength >= sizeof(none) ? stack->Type3InputBuffer : none;
        CrashTestTriggerBugcheck(parameters[0], parameters[1], parameters[2], parameters[3]);
        status = STATUS_UNSUCCESSFUL;
    }
    DeviceObject->ActiveThreadCount--;
    return CrashTestComplete(Irp, status);
}

NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    static WCHAR name[] = { '\\', 'D', 'e', 'v', 'i', 'c', 'e', '\\', 'C', 'r', 'a', 's', 'h', 'T', 's', 't', 0 };
    UNICODE_STRING deviceName;
    DEVICE_OBJECT *device;
    (void)RegistryPath;
    RtlInitUnicodeString(&deviceName, name);
    NTSTATUS status = IoCreateDevice(DriverObject, 0, &deviceName, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (status < 0) return status;
    DriverObject->MajorFunction[IRP_MJ_CREATE] = CrashTestCreateClose;
    DriverObject->MajorFunction[IRP_MJ_CLOSE] = CrashTestCreateClose;
    DriverObject->MajorFunction[IRP_MJ_DEVICE_CONTROL] = CrashTestDeviceControl;
    return STATUS_SUCCESS;
}
