// A routine that the port calls back from inside itself, without end.
#include "hostile.h"

static BOOLEAN Again(void *Extension, void *Context) { return StorPortSynchronizeAccess(Extension, Again, Context); }

void Attack(MOMENT_OF_ATTACK *At) { Again(At->Extension, NULL); }
