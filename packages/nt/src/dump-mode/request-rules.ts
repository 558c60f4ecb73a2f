// Rules of the controller that a dump miniport inherits, of its SRBs, and of its limits.
import {
  AHCI,
  BOOT_DRIVE,
  type RuleText,
  sample,
  srb,
  storport,
  VIRTIO_SPECIFICATION,
  virtioWin,
} from './rule.ts'

export const REQUEST_RULES = {
  'DM-29': {
    title: 'No command of the dead instance moves data after HwInitialize.',
    why: 'The controller is inherited as the crash left it, with commands in flight. One that ends during the dump writes over memory that is being dumped, or over the disk.',
    howToFix:
      'Reset the controller, or stop its engine and wait until it has stopped, in HwFindAdapter or HwInitialize.',
    answer: 'violation',
    sources: [sample('storahci'), sample('lsi_u3'), AHCI],
    example: {
      breaks: `BOOLEAN HwInitialize(PVOID Extension)
{
    StartPort(Extension);`,
      keeps: `BOOLEAN HwInitialize(PVOID Extension)
{
    if (!ResetController(Extension)) // ends what is in flight
        return FALSE;
    StartPort(Extension);`,
    },
  },
  'DM-30': {
    title: 'Only the SRB of the dump port is completed.',
    why: 'SRBs of the running system belong to an instance that is gone; the dump port does not know them.',
    howToFix: 'Forget the requests of the running instance: begin with an empty table of slots.',
    answer: 'violation; ignored',
    sources: [srb('SCSI_REQUEST_BLOCK', 'ns-srb-_scsi_request_block')],
    example: {
      breaks: `// the controller still holds tags of the running instance
Srb = (PSCSI_REQUEST_BLOCK)ReadCompletion(Extension)->Tag;
StorPortNotification(RequestComplete, Extension, Srb);`,
      keeps: `Slot = ReadCompletion(Extension)->Tag;
if (Slot == Extension->ActiveSlot)
    StorPortNotification(RequestComplete, Extension, Extension->ActiveSrb);`,
    },
  },
  'DM-34': {
    title: "Registers that hold addresses are written whole: the rest of them is the dead instance's.",
    why: 'A write of 16 bits leaves the upper half of the old address in place, and the controller reads its queue from memory that is not the queue.',
    howToFix: 'Write the full width of the register, also to clear it.',
    answer: 'violation for a compiled miniport that writes a part of PxCLB, PxCLBU, PxFB or PxFBU',
    sources: [virtioWin('width of the queue register', 'commit/4c451eea'), AHCI],
    example: {
      breaks: `StorPortWriteRegisterUshort(Extension, (PUSHORT)&Port->CommandList, (USHORT)Address);`,
      keeps: `StorPortWriteRegisterUlong(Extension, &Port->CommandList, (ULONG)Address);`,
    },
  },
  'DM-37': {
    title: 'HwResetBus returns TRUE in dump mode and writes no register; reset requests write none either.',
    why: 'A reset during the dump aborts the request that the dump waits for.',
    howToFix: 'Return TRUE at once in dump mode, and complete reset requests with success.',
    answer:
      'violation where HwResetBus returns FALSE; a warning where registers are written, as public drivers do: what that breaks is a finding of its own; a note where a request that is lost stays pending: the port of Windows Server 2003 waits for it for ever, and there it is a violation',
    sources: [BOOT_DRIVE],
    example: {
      breaks: `BOOLEAN HwResetBus(PVOID Extension, ULONG PathId)
{
    return ResetController(Extension);
}`,
      keeps: `BOOLEAN HwResetBus(PVOID Extension, ULONG PathId)
{
    return IsDump || ResetController(Extension);
}`,
    },
  },
  'DM-38': {
    title: 'An SRB is completed once, and not as pending.',
    why: 'The port sends the next request as soon as RequestComplete is notified: a second one is taken for the end of a request that still runs.',
    howToFix: 'Set SrbStatus before the notification, and clear the slot with it.',
    answer: 'violation; the second completion is ignored',
    sources: [storport('StorPortNotification', 'nf-storport-storportnotification'), sample('storahci')],
    example: {
      breaks: `StorPortNotification(RequestComplete, Extension, Extension->ActiveSrb);
// the slot is still taken: the next poll completes it again`,
      keeps: `Srb = Extension->ActiveSrb;
Extension->ActiveSrb = NULL;
Srb->SrbStatus = SRB_STATUS_SUCCESS;
StorPortNotification(RequestComplete, Extension, Srb);`,
    },
  },
  'DM-39': {
    title: 'An SRB function that no header knows is refused as an invalid request.',
    why: 'Versions of Windows send functions that an older driver has never seen. The dump port cannot tell that success was reported without work done.',
    howToFix: 'Let the default case of the switch over Function set SRB_STATUS_INVALID_REQUEST.',
    answer: 'violation; function 0x7f is tried once',
    sources: [srb('SCSI_REQUEST_BLOCK', 'ns-srb-_scsi_request_block'), sample('storahci')],
    example: {
      breaks: `default:
    Srb->SrbStatus = SRB_STATUS_SUCCESS;
    break;`,
      keeps: `default:
    Srb->SrbStatus = SRB_STATUS_INVALID_REQUEST;
    break;`,
    },
  },
  'DM-42': {
    title: "A write inside the disk and the driver's limits is not refused.",
    why: 'A page file may lie anywhere on the disk. A range check in the wrong unit refuses writes that are good.',
    howToFix:
      'Compare blocks with blocks: a disk with 4096-byte sectors has an eighth of the 512-byte blocks.',
    answer: 'violation; no dump',
    sources: [
      virtioWin('range check with 4096-byte sectors', 'commit/788eec68'),
      virtioWin('range check of a dump', 'commit/72f7ee31'),
    ],
    example: {
      breaks: `if ((Lba + Blocks) * Extension->BlockBytes / 512 > Extension->CapacityInBlocks)
    return Refuse(Extension, Srb);`,
      keeps: `if (Lba + Blocks > Extension->CapacityInBlocks)
    return Refuse(Extension, Srb);`,
    },
  },
  'DM-43': {
    title: 'MaximumTransferLength and NumberOfPhysicalBreaks are both set, and agree.',
    why: 'The port splits by the smaller of the two. With one unset or too large a small dump works, and a larger one fails at its first long write.',
    howToFix:
      'Set both in the branch of dump mode too; N pages of data touch N + 1 pages where they begin inside one.',
    answer:
      'violation where one is unset, or a length of at most 64 KiB is more than the breaks carry; the smaller counts; a note where they allow nothing, as some drivers say for a device of one segment, and single pages are sent',
    sources: [
      virtioWin('limits that do not agree', 'issues/809'),
      storport('PORT_CONFIGURATION_INFORMATION', 'ns-storport-_port_configuration_information'),
    ],
    example: {
      breaks: `if (!IsDump)
    ConfigInfo->MaximumTransferLength = 16 * PAGE_SIZE;
ConfigInfo->NumberOfPhysicalBreaks = 17;`,
      keeps: `ConfigInfo->MaximumTransferLength = 16 * PAGE_SIZE;
ConfigInfo->NumberOfPhysicalBreaks = 17;`,
    },
  },
  'DM-46': {
    title: 'AlignmentMask is 0, 1, 3 or 7.',
    why: 'It is a mask of low address bits, not an alignment: 2 or 0x3ff asks for what the port cannot give.',
    howToFix: 'Subtract one from the alignment that the controller needs.',
    answer: 'violation; no dump',
    sources: [
      storport('PORT_CONFIGURATION_INFORMATION', 'ns-storport-_port_configuration_information'),
      storport('MINIPORT_DUMP_POINTERS', 'ns-storport-_miniport_dump_pointers'),
    ],
    example: {
      breaks: `ConfigInfo->AlignmentMask = 4;`,
      keeps: `ConfigInfo->AlignmentMask = 3; // addresses are multiples of 4`,
    },
  },
  'DM-47': {
    title: 'SYNCHRONIZE CACHE and SHUTDOWN succeed, and the flush reaches the disk.',
    why: 'The machine is reset as soon as the dump is written. What the cache of the disk still holds is then lost.',
    howToFix:
      'Send the flush command of the device for SYNCHRONIZE CACHE, and complete it when the device has.',
    answer: 'violation; a warning where SHUTDOWN alone leaves the cache as it is',
    sources: [sample('storahci'), AHCI, VIRTIO_SPECIFICATION],
    example: {
      breaks: `case SCSIOP_SYNCHRONIZE_CACHE:
    Srb->SrbStatus = SRB_STATUS_SUCCESS;
    return MiniportEnd(Extension, Srb);`,
      keeps: `case SCSIOP_SYNCHRONIZE_CACHE:
    return SendFlush(Extension, Srb); // completed by HwInterrupt`,
    },
  },
} satisfies Record<string, RuleText>
