// Bugchecks that an exception or a trap of the processor ends in: learn.microsoft.com, "Bug Check Code Reference", one page a
// code. Facts from there, in our own words.
import { STATUS_ACCESS_VIOLATION } from '../ntstatus.ts'
import {
  access,
  address,
  type BugcheckMeanings,
  code,
  context,
  exceptionRecord,
  instruction,
  low32,
  ntstatus,
  number,
  RESERVED,
  routine,
  trapFrame,
} from './parameter.ts'

const exceptionCode = ntstatus('the exception code')
const raisedAt = instruction('the code that raised it')

const stack = {
  limits: code('the kind of stack that should be in use', {
    0: 'any, found during the bugcheck',
    1: 'DPC stack',
    2: 'stack of KeExpandKernelStackAndCallout',
    3: 'normal stack of a kernel thread',
    4: 'stack of a thread during a switch',
    5: 'stack of a callout of win32k',
    6: 'ISR stack',
    7: 'stack of the kernel debugger',
    8: 'NMI stack',
    9: 'machine check stack',
    10: 'exception stack of a processor',
  }),
  current: address('the current stack'),
  context: context('the context that was unwound or dispatched'),
}

export const EXCEPTION_BUGCHECKS: BugcheckMeanings = {
  30: {
    text: 'A program in kernel mode raised an exception that no handler took.',
    parameters: [
      exceptionCode,
      raisedAt,
      number('its first parameter (ExceptionInformation[0])'),
      number('its second parameter (ExceptionInformation[1])'),
    ],
    caseOf: (parameters) => low32(parameters[0] ?? 0n),
    cases: {
      [STATUS_ACCESS_VIOLATION]: {
        text: 'an access that is not allowed',
        parameters: [
          exceptionCode,
          raisedAt,
          // EXCEPTION_RECORD, ExceptionInformation of EXCEPTION_ACCESS_VIOLATION (public page of the structure).
          access('the access', { 0: 'read', 1: 'write', 8: 'execute' }),
          address('the address that was referenced'),
        ],
      },
    },
  },
  59: {
    text: 'An exception was raised while a system service ran, and no handler took it.',
    parameters: [exceptionCode, raisedAt, context('its context record'), RESERVED],
  },
  61: {
    text: 'An interrupt routine raised an exception that no handler took.',
    parameters: [
      exceptionRecord('the exception record, where there is one'),
      context('the context record, where there is one'),
      RESERVED,
      RESERVED,
    ],
  },
  126: {
    text: 'A system thread raised an exception that no handler took.',
    parameters: [
      exceptionCode,
      raisedAt,
      exceptionRecord('its exception record'),
      context('its context record'),
    ],
  },
  127: {
    text: 'The processor raised a trap that the kernel must not cause, or could not handle.',
    parameters: [
      code('the trap', {
        0: 'divide error',
        1: 'debug exception',
        3: 'breakpoint',
        4: 'overflow',
        5: 'bound range exceeded',
        6: 'invalid opcode',
        7: 'no coprocessor',
        8: 'double fault: a stack overflow, or hardware',
        10: 'invalid task state segment',
        11: 'segment not present',
        12: 'stack fault',
        13: 'general protection fault',
        15: 'reserved trap',
        16: 'coprocessor error',
        17: 'alignment check',
        18: 'machine check',
      }),
      RESERVED,
      RESERVED,
      RESERVED,
    ],
  },
  142: {
    text: 'A program in kernel mode raised an exception that no handler took.',
    parameters: [exceptionCode, raisedAt, trapFrame('its trap frame'), RESERVED],
  },
  247: {
    text: 'A driver wrote over the end of a buffer on the stack: the cookie before the return address is gone.',
    parameters: [
      number('the cookie found on the stack'),
      number('the cookie expected'),
      number('the complement of the cookie expected'),
      RESERVED,
    ],
  },
  309: {
    text: "A registry filter's callback raised an exception that no handler took.",
    parameters: [
      exceptionCode,
      context('its context record'),
      routine('the callback of the driver'),
      RESERVED,
    ],
  },
  313: {
    text: 'The kernel found a structure corrupt that must not be: a fast fail.',
    parameters: [
      // Also winnt.h, FAST_FAIL_*.
      code('the kind of corruption', {
        0: 'a buffer on the stack was overrun (old /GS)',
        1: 'a virtual function table is not legal',
        2: 'a buffer on the stack was overrun: the cookie is gone (/GS)',
        3: 'a list entry is corrupt, such as one that is removed twice',
        5: 'an argument is invalid where that is fatal',
        6: 'the stack cookie was not initialised',
        7: 'the program asked to end',
        8: 'an array index is out of range',
        9: 'RtlQueryRegistryValues without a type check read an untrusted hive',
        10: 'an indirect call has no valid target',
        11: 'a write was refused by write guard',
        12: 'the fiber context is invalid',
        13: 'the register context is invalid',
        14: 'a reference count is invalid',
        18: 'the jmp_buf is invalid',
        19: 'read-only data was modified',
        20: 'a self-test of cryptography failed',
        21: 'the exception chain is invalid',
        22: 'a library of cryptography failed',
        23: 'a call that DllMain may not make',
        24: 'an image base is invalid',
        25: 'a delay-loaded import could not be protected',
        26: 'an unsafe extension was called',
        27: 'a service was called that is no longer offered',
        28: 'a buffer was accessed out of bounds',
        29: 'an entry of a balanced tree is corrupt',
        37: 'a jump table of a switch was left',
        38: 'the target of a longjmp is invalid',
        39: 'a call target whose export is suppressed could not be made valid',
      }),
      trapFrame('the trap frame of the exception'),
      exceptionRecord('its exception record'),
      RESERVED,
    ],
  },
  426: {
    text: 'While an exception was dispatched, the stack pointer left every stack that the kernel knows.',
    parameters: [stack.current, stack.limits, stack.context, exceptionRecord('the exception record')],
  },
  427: {
    text: 'While the stack was unwound, the stack pointer left every stack that the kernel knows.',
    parameters: [stack.current, stack.limits, stack.context, RESERVED],
  },
}
