// The offsets that dumps, the boot code and debuggers of build 19041 rely on, checked by the compiler.
// Values: real EPROCESS, ETHREAD and KDBG bytes of minidumps of this build; Microsoft's ddk headers for the rest.
#include "kernel.h"

#define AT(type, field, offset) _Static_assert(offsetof(type, field) == offset, #type "." #field)

AT(KPROCESS, DirectoryTableBase, 0x28);
AT(EPROCESS, UniqueProcessId, 0x440);
AT(EPROCESS, ActiveProcessLinks, 0x448);
AT(EPROCESS, InheritedFromUniqueProcessId, 0x540);
AT(EPROCESS, Peb, 0x550);
AT(EPROCESS, ImageFileName, 0x5A8);
AT(EPROCESS, ThreadListHead, 0x5E0);
AT(EPROCESS, VadRoot, 0x7D8);

AT(KTHREAD, InitialStack, 0x28);
AT(KTHREAD, StackLimit, 0x30);
AT(KTHREAD, StackBase, 0x38);
AT(KTHREAD, KernelStack, 0x58);
AT(KTHREAD, TrapFrame, 0x90);
AT(KTHREAD, ApcState.Process, 0xB8);
AT(KTHREAD, Teb, 0xF0);
AT(KTHREAD, State, 0x184);
AT(KTHREAD, Process, 0x220);
AT(KTHREAD, WaitReason, 0x283);
AT(ETHREAD, StartAddress, 0x450);
AT(ETHREAD, Cid, 0x478);
AT(ETHREAD, IrpList, 0x4B0);
AT(ETHREAD, Win32StartAddress, 0x4D0);
AT(ETHREAD, ThreadListEntry, 0x4E8);

AT(KPRCB, CurrentThread, 8);
AT(KPRCB, NextThread, 0x10);
AT(KPRCB, IdleThread, 0x18);
AT(KPRCB, Number, 0x24);
AT(KPRCB, MHz, 0x44);
AT(KPRCB, ProcessorState, 0x100);
AT(KPRCB, ProcessorState.ContextFrame, 0x1F0);
AT(KPRCB, VendorString, 0x8590);
AT(KPRCB, Context, 0x85C0);
AT(KPRCB, IsrStack, 0x85D8);
AT(KPCR, GdtBase, 0);
AT(KPCR, TssBase, 8);
AT(KPCR, UserRsp, 0x10);
AT(KPCR, Self, 0x18);
AT(KPCR, CurrentPrcb, 0x20);
AT(KPCR, IdtBase, 0x38);
AT(KPCR, Irql, 0x50);
AT(KPCR, Prcb, 0x180);

AT(CONTEXT, ContextFlags, 0x30);
AT(CONTEXT, MxCsr, 0x34);
AT(CONTEXT, EFlags, 0x44);
AT(CONTEXT, Dr7, 0x70);
AT(CONTEXT, Rax, 0x78);
AT(CONTEXT, Rsp, 0x98);
AT(CONTEXT, R15, 0xF0);
AT(CONTEXT, Rip, 0xF8);
AT(CONTEXT, FltSave.MxCsr, 0x118);
AT(CONTEXT, FltSave.XmmRegisters, 0x1A0);
AT(CONTEXT, VectorRegister, 0x300);
AT(CONTEXT, DebugControl, 0x4A8);
AT(CONTEXT, LastExceptionFromRip, 0x4C8);
AT(EXCEPTION_RECORD, ExceptionAddress, 0x10);
AT(EXCEPTION_RECORD, ExceptionInformation, 0x20);

AT(KLDR_DATA_TABLE_ENTRY, DllBase, 0x30);
AT(KLDR_DATA_TABLE_ENTRY, SizeOfImage, 0x40);
AT(KLDR_DATA_TABLE_ENTRY, FullDllName, 0x48);
AT(KLDR_DATA_TABLE_ENTRY, BaseDllName, 0x58);
AT(KLDR_DATA_TABLE_ENTRY, Flags, 0x68);
AT(KLDR_DATA_TABLE_ENTRY, CheckSum, 0x78);
AT(KLDR_DATA_TABLE_ENTRY, SizeOfImageNotRounded, 0x98);
AT(KLDR_DATA_TABLE_ENTRY, TimeDateStamp, 0x9C);

AT(DRIVER_OBJECT, DriverStart, 0x18);
AT(DRIVER_OBJECT, DriverSection, 0x28);
AT(DRIVER_OBJECT, DriverName, 0x38);
AT(DRIVER_OBJECT, DriverInit, 0x58);
AT(DRIVER_OBJECT, MajorFunction, 0x70);
AT(DEVICE_OBJECT, DriverObject, 8);
AT(DEVICE_OBJECT, DeviceExtension, 0x40);
AT(DEVICE_OBJECT, StackSize, 0x4C);
AT(IRP, StackCount, 0x42);
AT(IRP, Thread, 0x98);
AT(IRP, CurrentStackLocation, 0xB8);
AT(IO_STACK_LOCATION, IoControlCode, 0x18);
AT(IO_STACK_LOCATION, DeviceObject, 0x28);
AT(MDL, MappedSystemVa, 0x18);
AT(MDL, ByteCount, 0x28);
AT(MDL, ByteOffset, 0x2C);

AT(KDDEBUGGER_DATA64, PsLoadedModuleList, 0x48);
AT(KDDEBUGGER_DATA64, KiBugcheckData, 0x88);
AT(KDDEBUGGER_DATA64, MmPfnDatabase, 0xC0);
AT(KDDEBUGGER_DATA64, MmPageSize, 0x138);
AT(KDDEBUGGER_DATA64, MmHighestUserAddress, 0x1C8);
AT(KDDEBUGGER_DATA64, KiProcessorBlock, 0x218);
AT(KDDEBUGGER_DATA64, MmPhysicalMemoryBlock, 0x270);
AT(KDDEBUGGER_DATA64, OffsetKThreadNextProcessor, 0x298);
AT(KDDEBUGGER_DATA64, SizeEThread, 0x2C0);
AT(KDDEBUGGER_DATA64, KdPrintCircularBufferPtr, 0x2C8);
AT(KDDEBUGGER_DATA64, SizePcr, 0x2E0);
AT(KDDEBUGGER_DATA64, GdtR0Code, 0x2F4);
AT(KDDEBUGGER_DATA64, IopNumTriageDumpDataBlocks, 0x308);
AT(KDDEBUGGER_DATA64, OffsetPrcbContext, 0x338);
AT(KDDEBUGGER_DATA64, OffsetKThreadStackLimit, 0x340);
AT(KDDEBUGGER_DATA64, OffsetPrcbIdleThread, 0x350);
AT(KDDEBUGGER_DATA64, OffsetKThreadWaitReason, 0x35C);
AT(KDDEBUGGER_DATA64, PteBase, 0x360);
AT(KDDEBUGGER_DATA64, OffsetEProcessMmHotPatchContext, 0x37C);
