// The lists that a debugger walks: loaded and unloaded modules, processes and their threads. The caller fills in the
// fields of an object; this file links it into its list.
#include "kernel.h"

static void InitializeListHead(LIST_ENTRY *Head) { Head->Flink = Head->Blink = Head; }

static void InsertTailList(LIST_ENTRY *Head, LIST_ENTRY *Entry) {
    LIST_ENTRY *last = Head->Blink;
    Entry->Flink = Head;
    Entry->Blink = last;
    last->Flink = Entry;
    Head->Blink = Entry;
}

static void RemoveEntryList(LIST_ENTRY *Entry) {
    Entry->Blink->Flink = Entry->Flink;
    Entry->Flink->Blink = Entry->Blink;
}

NOINLINE void MiProcessLoaderEntry(struct _KLDR_DATA_TABLE_ENTRY *Entry, BOOLEAN Insert) {
    if (Insert) InsertTailList(&PsLoadedModuleList, &Entry->InLoadOrderLinks);
    else RemoveEntryList(&Entry->InLoadOrderLinks);
}

/** The oldest entry is replaced. The buffer of the name is not copied: the caller must keep it. */
NOINLINE void MiRememberUnloadedDriver(UNICODE_STRING *Name, void *Start, void *End, LARGE_INTEGER CurrentTime) {
    struct _UNLOADED_DRIVERS *row = &MmUnloadedDrivers[MmLastUnloadedDriver % MI_UNLOADED_DRIVERS];
    row->Name = *Name;
    row->StartAddress = Start;
    row->EndAddress = End;
    row->CurrentTime = CurrentTime;
    MmLastUnloadedDriver = (MmLastUnloadedDriver + 1) % MI_UNLOADED_DRIVERS;
}

/** `Listed` is FALSE for the idle process, which is in no list. */
NOINLINE void PspInsertProcess(struct _EPROCESS *Process, BOOLEAN Listed) {
    InitializeListHead(&Process->ThreadListHead);
    InitializeListHead(&Process->Pcb.ThreadListHead);
    InitializeListHead(&Process->Pcb.ProfileListHead);
    InitializeListHead(&Process->Pcb.Header.WaitListHead);
    if (Listed) InsertTailList(&PsActiveProcessHead, &Process->ActiveProcessLinks);
    else InitializeListHead(&Process->ActiveProcessLinks);
}

NOINLINE void PspInsertThread(struct _EPROCESS *Process, struct _ETHREAD *Thread) {
    InitializeListHead(&Thread->Tcb.Header.WaitListHead);
    InitializeListHead(&Thread->Tcb.ApcState.ApcListHead[0]);
    InitializeListHead(&Thread->Tcb.ApcState.ApcListHead[1]);
    InitializeListHead(&Thread->IrpList);
    InsertTailList(&Process->Pcb.ThreadListHead, &Thread->Tcb.ThreadListEntry);
    InsertTailList(&Process->ThreadListHead, &Thread->ThreadListEntry);
    Process->ActiveThreads++;
}
