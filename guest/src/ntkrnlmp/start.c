// From the loader to the idle loop: each processor runs this once, the boot processor first.
// Registers: Intel SDM volume 4 (model-specific registers), volume 3A 2.4 (descriptor table registers).
#include "kernel.h"

#define EFER_SCE 1

/** Selectors that syscall and sysret derive theirs from: kernel code 0x10, user code 0x20. */
#define SYSCALL_SELECTORS ((ULONG64)0x0023001000000000)
/** Flags that a system call clears: trap, interrupt, direction, nested task, alignment check. */
#define SYSCALL_FLAGS 0x44700
#define GDT_LIMIT 0x57
#define IDT_LIMIT 0xFFF
#define TSS_SELECTOR 0x40

extern void *KeLoaderBlock;
void KiSystemCall64(void);

static void KiLoadDescriptorTables(struct _KPCR *Pcr) {
    struct __attribute__((packed)) {
        USHORT Limit;
        void *Base;
    } gdt = { GDT_LIMIT, Pcr->GdtBase }, idt = { IDT_LIMIT, Pcr->IdtBase };
    __asm__ volatile("lgdt %0\n\tlidt %1\n\tltr %w2" : : "m"(gdt), "m"(idt), "r"(TSS_SELECTOR));
}

/** Lists the modules that the loader has loaded, in load order: the kernel first, the HAL second. */
static void MiInitializeLoadedModuleList(struct _LOADER_PARAMETER_BLOCK *LoaderBlock) {
    LIST_ENTRY *head = &LoaderBlock->LoadOrderListHead;
    while (head->Flink != head) {
        LIST_ENTRY *entry = head->Flink;
        head->Flink = entry->Flink;
        entry->Flink->Blink = head;
        MiProcessLoaderEntry((struct _KLDR_DATA_TABLE_ENTRY *)entry, TRUE);
    }
}

NOINLINE void KiInitializeKernel(struct _KPRCB *Prcb, struct _LOADER_PARAMETER_BLOCK *LoaderBlock) {
    struct _EPROCESS *process = (struct _EPROCESS *)LoaderBlock->Process;
    struct _ETHREAD *thread = (struct _ETHREAD *)LoaderBlock->Thread;
    if (KeNumberProcessors == 0) {
        MiInitializeLoadedModuleList(LoaderBlock);
        PspInsertProcess(process, FALSE);
    }
    PspInsertThread(process, thread);
    KiProcessorBlock[Prcb->Number] = Prcb;
    KeNumberProcessors++;
    Prcb->IdleThread = Prcb->CurrentThread = &thread->Tcb;
    Prcb->RspBase = LoaderBlock->KernelStack;
}

/** Where the loader, or the boot processor for another, enters the kernel. Ends in the idle loop on the idle thread's stack. */
NOINLINE void KiSystemStartup(struct _LOADER_PARAMETER_BLOCK *LoaderBlock) {
    struct _KPRCB *prcb = (struct _KPRCB *)LoaderBlock->Prcb;
    struct _KPCR *pcr = (struct _KPCR *)((char *)prcb - offsetof(KPCR, Prcb));
    KeLoaderBlock = LoaderBlock;
    KiLoadDescriptorTables(pcr);
    KiWriteMsr(MSR_GS_BASE, (ULONG64)pcr);
    KiWriteMsr(MSR_STAR, SYSCALL_SELECTORS);
    KiWriteMsr(MSR_LSTAR, (ULONG64)KiSystemCall64);
    KiWriteMsr(MSR_SYSCALL_MASK, SYSCALL_FLAGS);
    KiWriteMsr(MSR_EFER, KiReadMsr(MSR_EFER) | EFER_SCE);
    KiInitializeKernel(prcb, LoaderBlock);
    __asm__ volatile("movq %0, %%rsp\n\tpushq $0\n\tjmp KiIdleLoop" : : "r"(LoaderBlock->KernelStack));
    __builtin_unreachable();
}
