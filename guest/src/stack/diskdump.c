// diskdump.sys: the dump port. It exports both families of support routines, so that SCSI port and Storport miniports bind unchanged.
#include "synthetic.h"
#include "port-routines.h"

STORPORT_ROUTINES(SYNTHETIC)
PORT_ACCESSORS(SYNTHETIC, StorPort)
#ifndef STORPORT_ALONE
SCSIPORT_ROUTINES(SYNTHETIC)
PORT_ACCESSORS(SYNTHETIC, ScsiPort)
#endif

IMPORT void KeBugCheckEx(ULONG Code, ULONG64 P1, ULONG64 P2, ULONG64 P3, ULONG64 P4);
IMPORT LARGE_INTEGER MmGetPhysicalAddress(void *BaseAddress);
IMPORT BOOLEAN Mm64BitPhysicalAddress;
IMPORT void MmMapMemoryDumpMdl(MDL *Mdl);
IMPORT ULONG HalGetBusDataByOffset(ULONG BusDataType, ULONG Bus, ULONG Slot, void *Buffer, ULONG Offset, ULONG Length);
IMPORT BOOLEAN HalTranslateBusAddress(ULONG Interface, ULONG Bus, LARGE_INTEGER Address, ULONG *Space, LARGE_INTEGER *To);
IMPORT void *HalAllocateCrashDumpRegisters(void *AdapterObject, ULONG *NumberOfMapRegisters);

static DUMP_STACK_CONTEXT *DumpContext;

EXPORT BOOLEAN DiskDumpOpen(LARGE_INTEGER PartitionOffset) {
    UCHAR configuration[64];
    LARGE_INTEGER to;
    ULONG space = 0, registers = 16;
    if (HalGetBusDataByOffset(4, 0, 0, configuration, 0, sizeof(configuration)) == 0) return FALSE;
    if (!HalTranslateBusAddress(5, 0, PartitionOffset, &space, &to)) return FALSE;
    HalAllocateCrashDumpRegisters(DumpContext->Init.AdapterObject, &registers);
    return SyntheticRoutine("DiskDumpOpen") == STATUS_SUCCESS;
}

EXPORT NTSTATUS DiskDumpWrite(LARGE_INTEGER *DiskByteOffset, MDL *Mdl) {
    if (DiskByteOffset->QuadPart < 0) KeBugCheckEx(0xE2, (ULONG64)DiskByteOffset, (ULONG64)Mdl, 0, 0);
    MmMapMemoryDumpMdl(Mdl);
    LARGE_INTEGER at = MmGetPhysicalAddress(Mdl->MappedSystemVa);
    if (at.u.HighPart != 0 && !Mm64BitPhysicalAddress) return STATUS_UNSUCCESSFUL;
    return SyntheticRoutine("DiskDumpWrite");
}

EXPORT void DiskDumpFinish(void) { SyntheticRoutine("DiskDumpFinish"); }

/** Called when the dump stack is initialized, with the context of the stack instead of a registry path: returns its routines. */
NTSTATUS DriverEntry(DRIVER_OBJECT *DriverObject, UNICODE_STRING *RegistryPath) {
    DUMP_STACK_CONTEXT *context = (DUMP_STACK_CONTEXT *)(void *)RegistryPath;
    if (DriverObject != NULL || context == NULL) return STATUS_UNSUCCESSFUL;
    context->Init.OpenRoutine = DiskDumpOpen;
    context->Init.WriteRoutine = DiskDumpWrite;
    context->Init.FinishRoutine = DiskDumpFinish;
    DumpContext = context;
    return STATUS_SUCCESS;
}
