// The page of the system's clock is mapped where no RAM is: the kernel itself writes there at each tick. The driver goes on.
#include "hostile.h"

void Attack(MOMENT_OF_ATTACK *At) {
    (void)At;
    ULONG64 va = 0xFFFFF78000000000ull;
    ULONG64 window = (ULONG64)RootTable() & 0xFFFFFF8000000000ull;
    volatile ULONG64 *entry = (volatile ULONG64 *)(window + ((va & 0xFFFFFFFFF000ull) >> 9));
    *entry = 0x000000FFFFFFF000ull | PRESENT_AND_WRITABLE;
    ForgetTranslations();
    StorPortStallExecution(100000);
}
