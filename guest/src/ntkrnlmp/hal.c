// Hardware access. In build 19041 these routines live in the kernel; hal.dll only forwards to them.
#include "kernel.h"

#define APIC_BASE ((volatile ULONG *)0xFFFFFFFFFFFE0000) // where the HAL maps the local APIC
#define APIC_ICR_LOW (0x300 / 4)
#define APIC_ICR_HIGH (0x310 / 4)
#define PCI_CONFIG_ADDRESS 0xCF8
#define PCI_CONFIG_DATA 0xCFC
#define RESET_CONTROL 0xCF9
#define PCI_CONFIGURATION 4 // BUS_DATA_TYPE

static inline void WritePortUlong(USHORT port, ULONG value) { __asm__ volatile("outl %0, %1" : : "a"(value), "d"(port)); }
static inline void WritePortUchar(USHORT port, UCHAR value) { __asm__ volatile("outb %0, %1" : : "a"(value), "d"(port)); }
static inline ULONG ReadPortUlong(USHORT port) {
    ULONG value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "d"(port));
    return value;
}
static inline ULONG64 ReadTimeStampCounter(void) {
    ULONG low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return ((ULONG64)high << 32) | low;
}

NOINLINE void KeStallExecutionProcessor(ULONG MicroSeconds) {
    ULONG64 end = ReadTimeStampCounter() + (ULONG64)MicroSeconds * KeGetCurrentPrcb()->MHz;
    while (ReadTimeStampCounter() < end) YieldProcessor();
}

NOINLINE LARGE_INTEGER KeQueryPerformanceCounter(LARGE_INTEGER *PerformanceFrequency) {
    LARGE_INTEGER counter = { .QuadPart = (LONG64)ReadTimeStampCounter() };
    if (PerformanceFrequency != NULL) PerformanceFrequency->QuadPart = (LONG64)KeGetCurrentPrcb()->MHz * 1000000;
    return counter;
}

NOINLINE void HalRequestIpi(ULONG InitialApicId, ULONG Vector) {
    APIC_BASE[APIC_ICR_HIGH] = InitialApicId << 24;
    APIC_BASE[APIC_ICR_LOW] = Vector;
}

/** Restarts the machine through the reset control register of the chipset. */
NOINLINE void HalReturnToFirmware(ULONG Action) {
    for (;;) {
        WritePortUchar(RESET_CONTROL, 0x02);
        WritePortUchar(RESET_CONTROL, 0x06);
        KeStallExecutionProcessor(100000);
        if (Action == 0) __asm__ volatile("hlt");
    }
}

NOINLINE ULONG HalGetBusDataByOffset(ULONG BusDataType, ULONG BusNumber, ULONG SlotNumber, void *Buffer, ULONG Offset,
                                     ULONG Length) {
    UCHAR *to = Buffer;
    if (BusDataType != PCI_CONFIGURATION || BusNumber > 255) return 0;
    ULONG device = SlotNumber & 31, function = (SlotNumber >> 5) & 7;
    for (ULONG i = 0; i < Length; i++) {
        ULONG at = Offset + i;
        WritePortUlong(PCI_CONFIG_ADDRESS, 0x80000000 | BusNumber << 16 | device << 11 | function << 8 | (at & 0xFC));
        to[i] = (UCHAR)(ReadPortUlong(PCI_CONFIG_DATA) >> (at & 3) * 8);
    }
    return Length;
}

/** Bus addresses of a PC are its physical addresses. */
NOINLINE BOOLEAN HalTranslateBusAddress(ULONG InterfaceType, ULONG BusNumber, LARGE_INTEGER BusAddress,
                                        ULONG *AddressSpace, LARGE_INTEGER *TranslatedAddress) {
    if (InterfaceType > 5 || BusNumber > 255 || *AddressSpace > 1) return FALSE;
    *TranslatedAddress = BusAddress;
    return TRUE;
}

/** There is no I/O memory management unit: map registers are not needed, and their list is empty. */
NOINLINE void *HalAllocateCrashDumpRegisters(void *AdapterObject, ULONG *NumberOfMapRegisters) {
    if (AdapterObject == NULL) *NumberOfMapRegisters = 0;
    return NULL;
}

/** Reads the page tables through their self-map: the PTEs of all addresses are an array at MmPteBase. */
NOINLINE LARGE_INTEGER MmGetPhysicalAddress(void *BaseAddress) {
    ULONG64 va = (ULONG64)BaseAddress & 0xFFFFFFFFFFFF;
    LARGE_INTEGER none = { .QuadPart = 0 };
    ULONG64 entry = 0;
    // From the top: level 4 covers 2^39 bytes an entry, level 1 a page. Bit 0 valid, bit 7 large page.
    for (int shift = 39; shift >= 12; shift -= 9) {
        ULONG64 at = va >> 12;
        for (int level = 12; level < shift; level += 9) at = (MmPteBase + at * 8 & 0xFFFFFFFFFFFF) >> 12;
        entry = *(ULONG64 *)(MmPteBase + at * 8);
        if ((entry & 1) == 0) return none;
        if (shift == 12 || (entry & 0x80) != 0) {
            ULONG64 mask = ((ULONG64)1 << shift) - 1;
            LARGE_INTEGER address = { .QuadPart = (LONG64)((entry & 0x000FFFFFFFFFF000 & ~mask) | (va & mask)) };
            return address;
        }
    }
    return none;
}

/** The dump path maps one transfer at a time, at the address that was reserved in the MDL. */
NOINLINE void MmMapMemoryDumpMdl(struct _MDL *Mdl) {
    ULONG64 *pfn = (ULONG64 *)(Mdl + 1);
    ULONG pages = (Mdl->ByteOffset + Mdl->ByteCount + 0xFFF) >> 12;
    ULONG64 va = (ULONG64)Mdl->MappedSystemVa & ~(ULONG64)0xFFF;
    ULONG64 *pte = (ULONG64 *)(MmPteBase + ((va & 0xFFFFFFFFFFFF) >> 12) * 8);
    for (ULONG i = 0; i < pages; i++) {
        pte[i] = pfn[i] << 12 | 0x63; // valid, writable, accessed, dirty
        __asm__ volatile("invlpg (%0)" : : "r"(va + ((ULONG64)i << 12)) : "memory");
    }
    Mdl->MdlFlags |= 1; // MDL_MAPPED_TO_SYSTEM_VA
}
