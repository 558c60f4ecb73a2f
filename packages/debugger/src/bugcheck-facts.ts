// What the parameters of well-known bugchecks mean, in our own words: learn.microsoft.com, "Bug Check Code Reference".
// `fault` is the parameter that holds the address of the code at fault, `context` that of a CONTEXT.
import { BUGCHECK_M_VARIANT } from '@dumpstack/nt'

export interface BugcheckFacts {
  readonly text: string
  readonly arguments: readonly [string, string, string, string]
  readonly fault?: 0 | 1 | 2 | 3
  readonly context?: 0 | 1 | 2 | 3
}

const FACTS: ReadonlyMap<number, BugcheckFacts> = new Map<number, BugcheckFacts>([
  [
    0x0a,
    {
      text: 'Kernel code touched an address that is paged out or invalid while the IRQL was too high for a page fault.',
      arguments: [
        'address that was touched',
        'IRQL',
        '0 read, 1 write, 8 execute',
        'address of the code that touched it',
      ],
      fault: 3,
    },
  ],
  [
    0x1e,
    {
      text: 'A kernel-mode program raised an exception that nothing handled.',
      arguments: [
        'code of the exception',
        'address where it was raised',
        'its first parameter',
        'its second parameter',
      ],
      fault: 1,
    },
  ],
  [
    0x3b,
    {
      text: 'An exception was raised while a system service ran, and nothing handled it.',
      arguments: [
        'code of the exception',
        'address where it was raised',
        'address of its context record',
        '0',
      ],
      fault: 1,
      context: 2,
    },
  ],
  [
    0x50,
    {
      text: 'Invalid system memory was touched.',
      arguments: [
        'address that was touched',
        '0 read, 1 or 2 write, 16 execute',
        'address of the code that touched it, if known',
        'kind of the page fault',
      ],
      fault: 2,
    },
  ],
  [
    0x7e,
    {
      text: 'A system thread raised an exception that its handler did not take.',
      arguments: [
        'code of the exception',
        'address where it was raised',
        'address of its exception record',
        'address of its context record',
      ],
      fault: 1,
      context: 3,
    },
  ],
  [
    0x7f,
    {
      text: 'The processor raised a trap that the kernel may not meet or cannot handle.',
      arguments: [
        'number of the trap: 8 is a double fault',
        '0, or address of the TSS or trap frame',
        '0',
        '0',
      ],
    },
  ],
  [
    0x8e,
    {
      text: 'A kernel-mode program raised an exception that nothing handled.',
      arguments: ['code of the exception', 'address where it was raised', 'address of its trap frame', '0'],
      fault: 1,
    },
  ],
  [
    0x9f,
    {
      text: 'A driver is in an inconsistent or invalid power state.',
      arguments: [
        'kind of violation: 3 is an IRP that took too long',
        'physical device object',
        'functional device object or triage block',
        'the IRP',
      ],
    },
  ],
  [
    0xc2,
    {
      text: 'A pool request was bad, such as freeing what is free.',
      arguments: ['kind of violation', 'depends on the kind', 'depends on the kind', 'depends on the kind'],
    },
  ],
  [
    0xc5,
    {
      text: 'The pool is corrupt: an invalid address was touched at too high an IRQL, in code of the pool.',
      arguments: [
        'address that was touched',
        'IRQL',
        '0 read, 1 write',
        'address of the code that touched it',
      ],
      fault: 3,
    },
  ],
  [
    0xd1,
    {
      text: 'A driver touched an address that is paged out or invalid while the IRQL was too high.',
      arguments: [
        'address that was touched',
        'IRQL',
        '0 read, 1 write, 8 execute',
        'address of the code that touched it',
      ],
      fault: 3,
    },
  ],
  [
    0xe2,
    {
      text: 'Somebody asked for this crash, from the keyboard or by a driver.',
      arguments: [
        '0, or what the driver that asked for it gave',
        'as the first',
        'as the first',
        'as the first',
      ],
    },
  ],
  [
    0xef,
    {
      text: 'A process that the system cannot do without has ended.',
      arguments: ['the process or thread object', '0 process, 1 thread', '0', '0'],
    },
  ],
  [
    0x101,
    {
      text: 'A processor did not take its clock interrupt in time.',
      arguments: ['timeout in clock ticks', '0', 'PRCB of the processor that hangs', 'its number'],
    },
  ],
  [
    0x124,
    {
      text: 'The hardware reported an error that cannot be corrected.',
      arguments: [
        'source of the error: 0 is a machine check',
        'address of the WHEA_ERROR_RECORD',
        'high half of MCi_STATUS',
        'low half of MCi_STATUS',
      ],
    },
  ],
  [
    0x133,
    {
      text: 'A DPC, or all time at DISPATCH_LEVEL and above, took longer than is allowed.',
      arguments: [
        '0 a single DPC, 1 time at high IRQL',
        'time spent, in ticks',
        'time allowed, in ticks',
        'more facts, or 0',
      ],
    },
  ],
  [
    0x139,
    {
      text: 'The kernel found a critical data structure corrupt.',
      arguments: [
        'kind of corruption: 2 stack cookie, 3 linked list',
        'address of the trap frame',
        'address of the exception record',
        '0',
      ],
    },
  ],
  [
    0x1c8,
    {
      text: 'The power button was held down, and the system was set to crash on it.',
      arguments: ['reserved', 'reserved', 'reserved', 'reserved'],
    },
  ],
])

/** Null for a bugcheck that this table does not explain. */
export const bugcheckFacts = (code: number): BugcheckFacts | null =>
  FACTS.get((code & ~BUGCHECK_M_VARIANT) >>> 0) ?? null
