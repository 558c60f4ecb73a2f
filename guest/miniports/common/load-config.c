// The load configuration of an image (learn.microsoft.com/windows/win32/debug/pe-format, "The Load Configuration Structure"),
// and what it points to: the security cookie of /GS (SECURITY_COOKIE) and the pointers of control flow guard (GUARD_CF).
// A driver kit supplies all this in a library; here it is written out.
#include "storport.h"

typedef struct _IMAGE_LOAD_CONFIG_DIRECTORY64 {
    ULONG Size;
    ULONG TimeDateStamp;
    USHORT MajorVersion, MinorVersion;
    ULONG GlobalFlagsClear, GlobalFlagsSet, CriticalSectionDefaultTimeout;
    ULONG64 DeCommitFreeBlockThreshold, DeCommitTotalFreeThreshold, LockPrefixTable, MaximumAllocationSize;
    ULONG64 VirtualMemoryThreshold, ProcessAffinityMask;
    ULONG ProcessHeapFlags;
    USHORT CsdVersion, DependentLoadFlags;
    ULONG64 EditList;
    const void *SecurityCookie;
    const void *SeHandlerTable;
    ULONG64 SeHandlerCount;
    const volatile void *GuardCFCheckFunctionPointer;
    const volatile void *GuardCFDispatchFunctionPointer;
    const void *GuardCFFunctionTable;
    const void *GuardCFFunctionCount;
    ULONG GuardFlags;
    ULONG Reserved;
} IMAGE_LOAD_CONFIG_DIRECTORY64;
AT(IMAGE_LOAD_CONFIG_DIRECTORY64, SecurityCookie, 0x58);
AT(IMAGE_LOAD_CONFIG_DIRECTORY64, GuardCFCheckFunctionPointer, 0x70);
AT(IMAGE_LOAD_CONFIG_DIRECTORY64, GuardFlags, 0x90);

#define FAST_FAIL_STACK_COOKIE_CHECK_FAILURE 2
#define FAST_FAIL_SECURITY_COOKIE_INIT 6
#define FAST_FAIL(code) __asm__ volatile("int $0x29" : : "c"(code))

#ifdef SECURITY_COOKIE
#define DEFAULT_SECURITY_COOKIE 0x00002B992DDFA232ull

/** The loader of the image stores a random value here. */
ULONG64 __security_cookie = DEFAULT_SECURITY_COOKIE;

/** The compiler inserts a call to this at the end of every function that it protects. */
void __security_check_cookie(ULONG64 StackCookie) {
    if (StackCookie != __security_cookie) FAST_FAIL(FAST_FAIL_STACK_COOKIE_CHECK_FAILURE);
}

ULONG DriverEntry(void *DriverObject, void *RegistryPath);

/** The entry point of the image: a cookie that the loader did not change protects nothing. */
ULONG GsDriverEntry(void *DriverObject, void *RegistryPath) {
    if (__security_cookie == 0 || __security_cookie == DEFAULT_SECURITY_COOKIE) FAST_FAIL(FAST_FAIL_SECURITY_COOKIE_INIT);
    return DriverEntry(DriverObject, RegistryPath);
}
#endif

#ifdef GUARD_CF
/** Made by the linker: the functions whose address is taken. */
extern const UCHAR __guard_fids_table[];
extern const UCHAR __guard_fids_count[], __guard_flags[];

// Every target is valid until a kernel with control flow guard stores its own routines here. The target is in rcx, or in rax.
__asm__(".text\n"
        ".globl GuardCheckNothing\n"
        "GuardCheckNothing: retq\n"
        ".globl GuardDispatchNothing\n"
        "GuardDispatchNothing: jmpq *%rax\n");
extern void GuardCheckNothing(void);
extern void GuardDispatchNothing(void);
__attribute__((section(".00cfg"))) void (*const __guard_check_icall_fptr)(void) = GuardCheckNothing;
__attribute__((section(".00cfg"))) void (*const __guard_dispatch_icall_fptr)(void) = GuardDispatchNothing;
#endif

const IMAGE_LOAD_CONFIG_DIRECTORY64 _load_config_used = {
    .Size = sizeof(_load_config_used),
#ifdef SECURITY_COOKIE
    .SecurityCookie = &__security_cookie,
#endif
#ifdef GUARD_CF
    .GuardCFCheckFunctionPointer = &__guard_check_icall_fptr,
    .GuardCFDispatchFunctionPointer = &__guard_dispatch_icall_fptr,
    .GuardCFFunctionTable = __guard_fids_table,
    .GuardCFFunctionCount = __guard_fids_count,
    .GuardFlags = 0x100 | 0x400, // instrumented, and the table of functions is present
#endif
};
