// ntdll.dll: the user-mode end of system calls and threads.
#include "ldr.h"

/** Service numbers of this kernel's table (trap.S of ntkrnlmp); 7 is also NtDeviceIoControlFile in build 19041. */
#define SERVICE(name, number) \
    __attribute__((naked, noinline)) void name(void) { \
        __asm__("movq %rcx, %r10\n\tmovl $" #number ", %eax\n\tsyscall\n\tretq"); \
    }

SERVICE(NtDeviceIoControlFile, 7)

NOINLINE void RtlExitUserThread(NTSTATUS ExitStatus) {
    for (;;) __asm__ volatile("pause" : : "a"(ExitStatus));
}

/** Every user thread starts here: calls its routine, then ends the thread with the value that the routine returns. */
NOINLINE void RtlUserThreadStart(NTSTATUS (*StartAddress)(void *), void *Parameter) {
    NTSTATUS status = StartAddress(Parameter);
    RtlExitUserThread(status);
}

static LDR_DATA_TABLE_ENTRY *LdrpImageEntry;

/** Runs before the first instruction of a process: records the first module of the load order list. */
NOINLINE void LdrInitializeThunk(void *Context, PEB_LDR_DATA *Ldr) {
    LIST_ENTRY *first = Ldr->InLoadOrderModuleList.Flink;
    if (Context != NULL && first != &Ldr->InLoadOrderModuleList) LdrpImageEntry = (LDR_DATA_TABLE_ENTRY *)first;
}

BOOLEAN DllMain(void *Base, ULONG Reason, void *Reserved) {
    (void)Reason;
    (void)Reserved;
    return Base != NULL;
}
