// What is found without a number of its own: faults, a controller that stops, filters, and what the dump came to.
import {
  AHCI,
  BUGCHECK_CALLBACK,
  CRASHDUMP_TEST,
  DUMP_FILTERS,
  PAGEABLE_CODE,
  PAGING,
  type RuleText,
  STORPORT_SPINLOCK_RULE,
  srb,
  storport,
  VIRTIO_SPECIFICATION,
  WINDOWS_INTERNALS,
} from './rule.ts'

export const OUTCOME_RULES = {
  'device-stopped': {
    title: 'The controller never has to stop: what the driver gave it was valid.',
    why: 'A queue, command or address that the specification of the controller forbids stops it until its reset, and with it the dump.',
    howToFix:
      'The message names what the controller refused; the section of its specification says what it takes.',
    answer: 'violation; the controller stops until its reset',
    sources: [AHCI, VIRTIO_SPECIFICATION],
    example: {
      breaks: `Descriptor[2].Next = 0; // a chain without end`,
      keeps: `Descriptor[2].Flags &= ~VIRTQ_DESC_F_NEXT;`,
    },
  },
  'device-refused': {
    title: 'The controller is given nothing beyond the limits that it announces.',
    why: 'The device does not do what is beyond a limit, past the end of the disk, or written before a reset has ended: the request fails, or the register keeps its value.',
    howToFix:
      'The message names the limit, what it allows and what was found. Read the limit in dump mode too, and wait for the end of a reset.',
    answer: 'violation; the device refuses it',
    sources: [AHCI, VIRTIO_SPECIFICATION],
    example: {
      breaks: `WriteControl(Extension, RESET);
StorPortStallExecution(100);
WriteQueueAddress(Extension); // lost while the reset goes on`,
      keeps: `WriteControl(Extension, RESET);
for (ULONG Step = 0; Step < 1000 && (ReadControl(Extension) & RESET) != 0; Step++)
    StorPortStallExecution(1000);
WriteQueueAddress(Extension);`,
    },
  },
  'memory-overlap': {
    title: 'Each structure that the controller shares with the driver has memory of its own.',
    why: 'Lists, tables and rings have lengths that the specification and the request give: AHCI a command list of 32 bytes a slot, 256 bytes for received FISes, a table of 128 bytes and 16 for each entry; virtio 16 bytes a descriptor, 6 + 2 and 6 + 8 bytes a ring entry. Where two overlap, or data is read into one, the driver or the device overwrites what the other is about to use.',
    howToFix:
      'Compute each length from what was negotiated in this life, round each start up to its alignment, and lay the next structure after the end of the last one.',
    answer:
      'violation, at the write of the register that hands the memory over; the device does what is asked',
    sources: [AHCI, VIRTIO_SPECIFICATION],
    example: {
      breaks: `#define TABLE_BYTES (0x80 + DUMP_BREAKS * sizeof(PRDT_ENTRY)) // of both lives
Header->TableLow = (ULONG)(Tables + Slot * TABLE_BYTES);`,
      keeps: `#define TABLE_BYTES (0x80 + RUNTIME_BREAKS * sizeof(PRDT_ENTRY))
Header->TableLow = (ULONG)(Tables + Slot * ROUND_TO(TABLE_BYTES, 0x80));`,
    },
  },
  'device-memory': {
    title: 'Memory that the device alone writes is left to it while its queue is enabled.',
    why: "Each part of a virtqueue is written by the driver or by the device, never by both: the used ring is the device's (VIRTIO 1.2, 2.7 and 2.7.8). A store there gets lost, or hides the end of a request.",
    howToFix:
      'Keep what was seen, such as the last index, in memory of the driver, and clear the rings after the reset of the device and before the queue is enabled.',
    answer: 'a warning at the instruction that stores; a violation where the dump is not good',
    sources: [VIRTIO_SPECIFICATION],
    example: {
      breaks: `RtlZeroMemory(Queue->Used, UsedBytes); // the queue is enabled
ResetDevice(Extension);`,
      keeps: `ResetDevice(Extension);
RtlZeroMemory(Queue->Used, UsedBytes);
EnableQueue(Extension, Queue);`,
    },
  },
  'early-completion': {
    title: 'A write is completed with success once the controller has ended it, and not before.',
    why: 'The dump port builds the next request as soon as one is complete: from then on the controller reads other data, or none.',
    howToFix:
      'Complete a request where the queue or the command slot says that it has ended, by its own tag. A reset that completes requests ends them in the controller first.',
    answer:
      'violation; a warning where it is completed with another status, as in a reset, while the controller still runs it',
    sources: [storport('StorPortNotification', 'nf-storport-storportnotification')],
    example: {
      breaks: `StartCommand(Extension, Srb);
Srb->SrbStatus = SRB_STATUS_SUCCESS;
StorPortNotification(RequestComplete, Extension, Srb);`,
      keeps: `StartCommand(Extension, Srb); // HwInterrupt completes it`,
    },
  },
  'request-timeout': {
    title: 'A request ends by itself: the reset of the port is for devices at fault.',
    why: 'A request that the driver lost, or whose end it did not see, holds up its caller until the time-out, and the reset that follows ends all others with it. In a dump most ports do not send it again: no dump is written.',
    howToFix:
      'Look at what HwStartIo does with a request that finds no room, and at what HwInterrupt does when several end at once: each is issued or completed, on every path.',
    answer: 'a warning where the request succeeds in the end and the device had no fault',
    sources: [storport('HwStorResetBus', 'nc-storport-hw_reset_bus')],
    example: {
      breaks: `if (FreeSlots == 0)
    return TRUE; // taken, and forgotten`,
      keeps: `if (FreeSlots == 0)
    return FALSE; // the port sends it again`,
    },
  },
  'completed-srb': {
    title: 'A request is left alone once it is completed.',
    why: 'With RequestComplete the port owns the request again: it may be gone by then, or be the next one.',
    howToFix: 'Fill in status, lengths and sense data before RequestComplete, and copy what a trace needs.',
    answer: 'violation where a routine returns with another SRB than it completed',
    sources: [storport('StorPortNotification', 'nf-storport-storportnotification')],
    example: {
      breaks: `StorPortNotification(RequestComplete, Extension, Srb);
Srb->SrbStatus = SRB_STATUS_SUCCESS;`,
      keeps: `Srb->SrbStatus = SRB_STATUS_SUCCESS;
StorPortNotification(RequestComplete, Extension, Srb);`,
    },
  },
  'transfer-length': {
    title: 'A write that ends with success leaves DataTransferLength as it was.',
    why: 'DataTransferLength of a completed request says how many bytes were moved. The system counts a write as that short, although all of it is on the disk.',
    howToFix:
      'Change it only where less was moved, with SRB_STATUS_DATA_OVERRUN; check where the count comes from.',
    answer: 'warning',
    sources: [srb('SCSI_REQUEST_BLOCK', 'ns-srb-_scsi_request_block')],
    example: {
      breaks: `Srb->DataTransferLength = Header->Reserved; // not the count of the controller`,
      keeps: `Srb->DataTransferLength = Header->BytesTransferred;`,
    },
  },
  'lock-state': {
    title: 'A lock is acquired once, and released by its holder.',
    why: 'A processor that takes a lock again which it already holds waits for ever. A lock that is released without being held can be taken by two processors at once. A lock that is held when a routine has returned stops the next one that takes it.',
    howToFix:
      'Pair each StorPortAcquireSpinLock with one release on every path, take no lock in a routine that is called with it, and StartIoLock before InterruptLock.',
    answer: 'violation; the lock is left as it is, and one that was kept is released',
    sources: [
      storport('StorPortAcquireSpinLock', 'nf-storport-storportacquirespinlock'),
      STORPORT_SPINLOCK_RULE,
    ],
    example: {
      breaks: `StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &Outer);
StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &Inner);`,
      keeps: `StorPortAcquireSpinLock(Extension, InterruptLock, NULL, &Handle);
CompleteUsed(Extension);
StorPortReleaseSpinLock(Extension, &Handle);`,
    },
  },
  'routine-irql': {
    title:
      'The running driver calls each routine at its documented IRQL, and returns at the one that it was called at.',
    why: 'A routine for PASSIVE_LEVEL that is called at DISPATCH_LEVEL waits where nothing may wait, or touches what is in the page file. A routine that returns at another level takes the port out of its locks.',
    howToFix:
      'The finding has the level: HwBuildIo and HwStartIo run at DISPATCH_LEVEL, HwInitialize and HwInterrupt at that of the interrupt. Do it in HwFindAdapter, in passive initialisation or in a work item, and give each level back that was raised.',
    answer: 'a warning, in the running system; the call does what it does',
    sources: [
      storport('StorPortEnablePassiveInitialization', 'nf-storport-storportenablepassiveinitialization'),
    ],
    example: {
      breaks: `BOOLEAN HwStartIo(PVOID Extension, PSCSI_REQUEST_BLOCK Srb) {
    ZwOpenKey(&Key, KEY_READ, &Attributes);`,
      keeps: `BOOLEAN PassiveInitialize(PVOID Extension) {
    ZwOpenKey(&Key, KEY_READ, &Attributes);`,
    },
  },
  'pageable-code': {
    title: 'Nothing that runs at DISPATCH_LEVEL or above lies in a pageable section.',
    why: 'A section whose name begins with PAGE may be in the page file. At DISPATCH_LEVEL a page fault is a bugcheck, and the driver of that disk cannot read it back from there. It goes well for as long as memory is plenty.',
    howToFix:
      'Take the routine out of the section: pageable is what DriverEntry, HwFindAdapter and passive initialisation alone call. Or lock the section with MmLockPagableCodeSection.',
    answer: 'a warning, at the first instruction or access in the running system; the section is there',
    sources: [PAGEABLE_CODE],
    example: {
      breaks: `#pragma alloc_text(PAGE, BuildCommand) // HwBuildIo calls it`,
      keeps: `#pragma alloc_text(PAGE, FindAdapter) // PASSIVE_LEVEL`,
    },
  },
  'stray-write': {
    title: 'A write goes to the place on the disk that its SRB names.',
    why: 'A dump is written to the blocks of the page file by address. Another place holds the files of the user.',
    howToFix: 'Compute the address from the CDB, in 64 bits and in the block size of the disk.',
    answer: 'violation',
    sources: [storport('StorPortGetScatterGatherList', 'nf-storport-storportgetscattergatherlist')],
    example: {
      breaks: `ULONG Sector = (ULONG)Lba * 8; // wraps above 2 TiB`,
      keeps: `ULONG64 Sector = Lba * 8;`,
    },
  },
  bugcheck: {
    title: 'The driver does not fault: a second bugcheck ends the dump.',
    why: 'A page fault or an exception on the dump path cannot be handled: no dump is written, and the screen shows the second stop code.',
    howToFix:
      'The finding names the instruction and the address. An address of 0xA5 bytes is memory that the driver never wrote.',
    answer: 'second bugcheck; the dump ends',
    sources: [BUGCHECK_CALLBACK],
    example: {
      breaks: `Adapter->Lun[0]->State = LUN_READY; // allocated only while the system runs`,
      keeps: `if (Adapter->Lun[0] != NULL)
    Adapter->Lun[0]->State = LUN_READY;`,
    },
  },
  'page-tables': {
    title: 'Page tables stay as they are.',
    why: 'The dump path runs at addresses that they map; an entry that leads to no RAM ends it.',
    howToFix:
      'Find what writes to the page that the message names: mostly a transfer to a wrong physical address.',
    answer: 'violation; the dump ends',
    sources: [PAGING],
    example: {
      breaks: `Prdt->DataBase = (ULONG)Address.QuadPart; // the upper half is lost: another page is written`,
      keeps: `Prdt->DataBase = Address.LowPart;
Prdt->DataBaseUpper = Address.HighPart;`,
    },
  },
  'integrity-gate': {
    title: 'What the dump path relies on is as it was when the stack was loaded.',
    why: 'Context, dump pointers and page file map say where the dump goes. Where the crash has changed them, the dump would go over files of the user.',
    howToFix:
      'The message names the structure and the first byte that differs: find what writes there before the crash.',
    answer: 'no dump',
    sources: [WINDOWS_INTERNALS],
    example: {
      breaks: `RtlCopyMemory(Target, Source, Length); // Length is not that of Target`,
      keeps: `RtlCopyMemory(Target, Source, min(Length, TargetLength));`,
    },
  },
  'filter-offset': {
    title: 'Dump_Write leaves the offset of a write alone.',
    why: 'The offset says where in the partition the dump goes. A filter works on contents only.',
    howToFix: 'Change neither DiskByteOffset nor the byte offset of the MDL.',
    answer: 'violation; the dump ends',
    sources: [DUMP_FILTERS],
    example: {
      breaks: `DiskByteOffset->QuadPart += HEADER_BYTES;`,
      keeps: `Tweak = DiskByteOffset->QuadPart / SECTOR_BYTES; // read only`,
    },
  },
  'filter-length': {
    title: 'Dump_Write leaves the length of a write alone.',
    why: 'The next write follows where this one ends as crashdmp counts it; another length leaves a gap or an overlap.',
    howToFix: 'Give back as many bytes as there were.',
    answer: 'violation; the dump ends',
    sources: [DUMP_FILTERS],
    example: {
      breaks: `Mdl->ByteCount = CompressedLength;`,
      keeps: `Encrypt(Scratch, Source, Mdl->ByteCount); // as many bytes as before`,
    },
  },
  'filter-in-place': {
    title: 'Dump_Write does not change the pages that it is given.',
    why: 'They are live memory of the system that crashed, and may be written to the dump again.',
    howToFix:
      'Copy the data to scratch pages that DriverEntry allocated, work there, and point the MDL to them.',
    answer: 'violation; the dump ends',
    sources: [DUMP_FILTERS],
    example: {
      breaks: `Encrypt(Mdl->MappedSystemVa, Mdl->MappedSystemVa, Mdl->ByteCount);`,
      keeps: `Encrypt(Scratch, Mdl->MappedSystemVa, Mdl->ByteCount);
RtlCopyMemory(MmGetMdlPfnArray(Mdl), ScratchPfns, Pages * sizeof(PFN_NUMBER));`,
    },
  },
  'filter-scratch': {
    title: 'Dump_Write points the MDL to pages of its own scratch memory only.',
    why: 'Other pages are not what was to be dumped, and their contents would go to the disk.',
    howToFix:
      'Put page frame numbers of the memory into the MDL that DriverEntry allocated for MaxPagesPerWrite pages.',
    answer: 'violation; the dump ends',
    sources: [DUMP_FILTERS],
    example: {
      breaks: `MmGetMdlPfnArray(Mdl)[0] = Extension->KeyPfn;`,
      keeps: `MmGetMdlPfnArray(Mdl)[0] = Extension->ScratchPfns[0];`,
    },
  },
  'no-dump': {
    title: 'The dump is written to its end.',
    why: 'A dump that ends early is no dump: Windows records that it failed, and nothing is left of the crash.',
    howToFix: 'The message names the routine that failed, its status and the place.',
    answer: 'no dump: status and reason',
    sources: [CRASHDUMP_TEST],
    example: {
      breaks: `Srb->SrbStatus = SRB_STATUS_BUSY; // the dump port does not send it again`,
      keeps: `WaitForSlot(Extension); // bounded
return SubmitRequest(Extension, Srb);`,
    },
  },
  'slow-dump': {
    title: 'A dump of 64 MiB is written within a minute.',
    why: 'The machine cannot be used meanwhile, and an impatient user switches it off. A wait of some milliseconds in each request adds up to hours for the memory of a server.',
    howToFix:
      'Wait for the end of a request by the polls of the port, and where a register must settle look at it every few microseconds.',
    answer:
      'a warning, and a violation where they take more than an hour; a smaller dump is scaled, its start and its longest write once',
    sources: [storport('StorPortStallExecution', 'nf-storport-storportstallexecution')],
    example: {
      breaks: `RingDoorbell(Extension);
StorPortStallExecution(10000); // it will be done by then
CompleteUsed(Extension);`,
      keeps: `RingDoorbell(Extension);
return TRUE; // the port polls HwInterrupt`,
    },
  },
  'wrong-data': {
    title: 'What is on the disk is what was in RAM.',
    why: 'A dump with other contents is worse than none: it explains a crash that did not happen.',
    howToFix:
      'Look at the descriptors of the transfer whose page differs: address, length, and order of the elements.',
    answer: 'fail, with the first page that differs',
    sources: [CRASHDUMP_TEST],
    example: {
      breaks: `for (ULONG i = 0; i < List->NumberOfElements; i++)
    Prdt[i].DataBase = List->List[0].PhysicalAddress.LowPart;`,
      keeps: `for (ULONG i = 0; i < List->NumberOfElements; i++)
    Prdt[i].DataBase = List->List[i].PhysicalAddress.LowPart;`,
    },
  },
  'stray-memory': {
    title: 'The dump driver changes no memory but its own.',
    why: 'A page that changes while the dump is written is not what it was at the crash, whether or not it has been written yet.',
    howToFix:
      'Bound each transfer and copy by the buffer that it goes to, and reset the controller before its first use.',
    answer:
      'fail, with the first byte that changed, what of the running instance it belongs to, and the store that wrote there first',
    sources: [CRASHDUMP_TEST],
    example: {
      breaks: `// the sense buffer of the running instance
RtlCopyMemory(SavedSenseBuffer, Sense, SENSE_BYTES);`,
      keeps: `if (Srb->SenseInfoBuffer != NULL)
    RtlCopyMemory(Srb->SenseInfoBuffer, Sense, min(SENSE_BYTES, Srb->SenseInfoBufferLength));`,
    },
  },
} satisfies Record<string, RuleText>
