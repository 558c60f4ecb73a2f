// What Driver Verifier stops the system for: learn.microsoft.com, "Bug Check Code Reference", pages 0xC4 and 0x1C4.
// Facts from there, in our own words. The rules of the
// driver interfaces (0x00020000 and above) share one layout.
import {
  address,
  asciiString,
  type BugcheckCase,
  type BugcheckMeanings,
  type BugcheckParameter,
  bytes,
  casesBy,
  code,
  count,
  deviceObject,
  irp,
  irql,
  mdl,
  moduleAddress,
  number,
  object,
  pfn,
  physicalAddress,
  poolTag,
  poolType,
  process,
  RESERVED,
  routine,
  thread,
  time,
  unicodeString,
} from './parameter.ts'

const violation = code('the kind of violation')
const violated = casesBy(violation)
const level = irql('the IRQL')
const before = irql('the IRQL before')
const after = irql('the IRQL after')
const pool = poolType('the type of pool')
const block = address('the block of pool')
const flags = number('its flags')
const mode = code('the access mode', { 0: 'kernel mode', 1: 'user mode' })
const apcCount = number("the thread's APC disable count")
const leaked = [
  bytes('paged pool allocated'),
  bytes('nonpaged pool allocated'),
  count('allocations that are not freed'),
] as const

const atTooHigh = (
  routineName: string,
  limit: string,
  third: BugcheckParameter,
  fourth = RESERVED,
): BugcheckCase => violated(`${routineName} was called above ${limit}`, level, third, fourth)
const wrongMdl = (text: string): BugcheckCase => violated(text, mdl('the MDL'), flags)
const overrun = violated(
  'a block is freed that was written beyond its end, or whose record is corrupt',
  address('where the allocation begins'),
  number('what lies beyond it, or its record'),
  bytes('the size charged for it'),
)
const crc = (text: string): BugcheckCase =>
  violated(text, irp('the request, or a copy of it'), deviceObject('the lower device'), number('the sector'))

const wait = (text: string): BugcheckCase =>
  violated(text, address('the IRQL'), object('the object'), address('the timeout'))
const deadlock = (text: string): BugcheckCase => violated(text, object('the lock'))
const caller = moduleAddress('the code of the driver')
const section = (text: string): BugcheckCase =>
  violated(text, unicodeString('the image'), address('the header of the section'), asciiString('its name'))

const C4: Readonly<Record<number, BugcheckCase>> = {
  0: violated('pool of zero bytes is asked for', level, pool, bytes('the size asked for')),
  1: violated('paged pool is asked for above APC_LEVEL', level, pool, bytes('the size asked for')),
  2: violated('nonpaged pool is asked for above DISPATCH_LEVEL', level, pool, bytes('the size asked for')),
  16: violated('an address is freed that was not allocated', address('the address')),
  17: violated('paged pool is freed above APC_LEVEL', level, pool, block),
  18: violated('nonpaged pool is freed above DISPATCH_LEVEL', level, pool, block),
  19: violated(
    'pool is freed that is free already',
    RESERVED,
    address('the pool header'),
    number('its contents'),
  ),
  20: violated(
    'pool is freed that is free already',
    RESERVED,
    address('the pool header'),
    number('its contents'),
  ),
  21: violated('pool is freed that holds an active timer', object('the timer'), pool, block),
  22: violated('pool is freed at a bad address', RESERVED, address('the address')),
  23: violated(
    'pool is freed that holds an active resource',
    object('the resource (ERESOURCE)'),
    pool,
    block,
  ),
  48: violated(
    'KeRaiseIrql was given a level that is lower, or too high',
    level,
    irql('the level asked for'),
  ),
  49: violated(
    'KeLowerIrql was given a level that is higher, or too high',
    level,
    irql('the level asked for'),
    code('why', { 0: 'the level is bad', 1: 'the level is not allowed inside a DPC' }),
  ),
  50: violated(
    'a spin lock is released at another level than DISPATCH_LEVEL',
    level,
    object('the spin lock'),
  ),
  51: violated('a fast mutex is acquired above APC_LEVEL', level, object('the fast mutex')),
  52: violated(
    'a fast mutex is released at another level than APC_LEVEL',
    level,
    apcCount,
    object('the fast mutex'),
  ),
  53: violated(
    'the kernel released a spin lock at another level than DISPATCH_LEVEL',
    level,
    object('the spin lock'),
    irql('the old IRQL'),
  ),
  55: violated('a resource is acquired while APCs are enabled', level, apcCount, object('the resource')),
  56: violated('a resource is released while APCs are enabled', level, apcCount, object('the resource')),
  59: violated(
    'a wait is made at DISPATCH_LEVEL or above',
    level,
    object('the object waited for'),
    number('the timeout'),
  ),
  60: violated('ObReferenceObjectByHandle was given a bad handle', number('the handle'), object('the type')),
  61: violated('a resource that is acquired is not aligned', RESERVED, RESERVED, object('the resource')),
  62: violated('KeLeaveCriticalRegion was called outside a critical region'),
  63: violated(
    'an object is referenced or released whose reference count is zero',
    object('the object'),
    number('the new reference count: 1 it was referenced, -1 released'),
  ),
  64: violated('KeAcquireSpinLockAtDpcLevel was called at a wrong level', level, object('the spin lock')),
  81: overrun,
  82: overrun,
  83: overrun,
  84: overrun,
  89: overrun,
  96: violated('a driver is unloaded without freeing its pool', ...leaked),
  97: violated('a thread of a driver asks for pool while the driver is unloaded', ...leaked),
  98: violated(
    'a driver is unloaded without freeing its pool',
    address("the driver's name"),
    RESERVED,
    count('allocations that are not freed'),
  ),
  111: violated(
    'MmProbeAndLockPages was given pages that are not RAM',
    mdl('the MDL'),
    pfn('the page'),
    pfn('the highest physical page'),
  ),
  112: atTooHigh('MmProbeAndLockPages', 'DISPATCH_LEVEL', mdl('the MDL'), mode),
  113: atTooHigh('MmProbeAndLockProcessPages', 'DISPATCH_LEVEL', mdl('the MDL'), process('the process')),
  114: atTooHigh('MmProbeAndLockSelectedPages', 'DISPATCH_LEVEL', mdl('the MDL'), process('the process')),
  115: atTooHigh(
    'MmMapIoSpace',
    'DISPATCH_LEVEL',
    physicalAddress('the physical address'),
    bytes('the length'),
  ),
  116: atTooHigh('MmMapLockedPages for kernel mode', 'DISPATCH_LEVEL', mdl('the MDL'), mode),
  117: atTooHigh('MmMapLockedPages for user mode', 'APC_LEVEL', mdl('the MDL'), mode),
  118: atTooHigh('MmMapLockedPagesSpecifyCache for kernel mode', 'DISPATCH_LEVEL', mdl('the MDL'), mode),
  119: atTooHigh('MmMapLockedPagesSpecifyCache for user mode', 'APC_LEVEL', mdl('the MDL'), mode),
  120: atTooHigh('MmUnlockPages', 'DISPATCH_LEVEL', mdl('the MDL')),
  121: atTooHigh(
    'MmUnmapLockedPages for kernel mode',
    'DISPATCH_LEVEL',
    address('the address'),
    mdl('the MDL'),
  ),
  122: atTooHigh('MmUnmapLockedPages for user mode', 'APC_LEVEL', address('the address'), mdl('the MDL')),
  123: atTooHigh('MmUnmapIoSpace', 'APC_LEVEL', address('the address'), bytes('the length')),
  124: wrongMdl('MmUnlockPages was given an MDL whose pages were never locked'),
  125: wrongMdl('MmUnlockPages was given an MDL of nonpaged pool'),
  126: atTooHigh('MmAllocatePagesForMdl or MmFreePagesFromMdl', 'DISPATCH_LEVEL', RESERVED),
  127: violated('MmBuildMdlForNonPagedPool was given paged pool', level, mdl('the MDL'), flags),
  128: atTooHigh('KeSetEvent', 'DISPATCH_LEVEL', object('the event')),
  129: wrongMdl('MmMapLockedPages was called, which is obsolete'),
  130: wrongMdl('MmMapLockedPagesSpecifyCache was called with BugCheckOnFailure'),
  131: violated(
    'MmMapIoSpace was called for pages that are not locked',
    physicalAddress('where the range begins'),
    bytes('its length'),
    pfn('the first page that is not locked'),
  ),
  133: violated(
    'MmMapLockedPages was called for pages that are not locked',
    mdl('the MDL'),
    count('pages to map'),
    pfn('the first page that is not locked'),
  ),
  137: violated(
    'an MDL that is not for I/O holds a page that is not memory',
    mdl('the MDL'),
    address('where the MDL holds the page'),
    pfn('the page'),
  ),
  145: violated('the driver switched stacks in a way that is not supported'),
  160: crc('a sector read from a disk has a wrong checksum'),
  161: crc('a sector has a wrong checksum, found later'),
  162: crc('the copies of the checksum of a sector differ'),
  183: violated(
    'the firmware corrupted low memory during a sleep',
    count('pages that are corrupt'),
    pfn('the first of them'),
    pfn('the last of them'),
  ),
  184: wrongMdl('IoFreeMdl was given an MDL that is still mapped'),
  185: violated(
    'MmUnmapLockedPages was given a bad address of user mode',
    address('the address'),
    mdl('the MDL'),
  ),
  192: violated('IoCallDriver was called with interrupts disabled', irp('the request')),
  193: violated('a dispatch routine returned with interrupts disabled', routine('the dispatch routine')),
  197: violated(
    'a dispatch routine changed the APC disable count',
    routine('the dispatch routine'),
    number('the count now'),
    number('the count before'),
  ),
  198: violated(
    'a fast I/O routine changed the APC disable count',
    routine('the fast I/O routine'),
    number('the count now'),
    number('the count before'),
  ),
  202: violated('a lookaside list was initialised twice', object('the lookaside list')),
  203: violated('a lookaside list was deleted that is not initialised', object('the lookaside list')),
  204: violated(
    'pool is freed that holds a lookaside list',
    object('the lookaside list'),
    block,
    bytes('its size'),
  ),
  208: violated('a resource was initialised twice', object('the resource (ERESOURCE)')),
  209: violated('a resource was deleted that is not initialised', object('the resource (ERESOURCE)')),
  210: violated(
    'pool is freed that holds a resource',
    object('the resource (ERESOURCE)'),
    block,
    bytes('its size'),
  ),
  218: violated(
    'a driver is unloaded that did not deregister from WMI',
    moduleAddress('where the driver begins'),
    routine('its WMI callback'),
  ),
  219: violated('a device object was deleted that is registered with WMI', deviceObject('the device object')),
  221: violated(
    'a driver is unloaded that did not call EtwUnregister',
    routine('the call of EtwRegister'),
    moduleAddress('where the driver begins'),
    number('the registration handle'),
  ),
  223: violated('a synchronization object lies in session space', object('the object')),
  224: violated(
    'a kernel function was given an address of user mode',
    address('the address'),
    bytes('the length'),
  ),
  225: violated('a synchronization object lies at an invalid or pageable address', object('the object')),
  226: violated(
    'a request of kernel mode holds an address of user mode',
    irp('the request'),
    address('the address'),
  ),
  227: violated(
    'a Zw routine was given an address of user mode',
    routine('the call'),
    address('the address'),
  ),
  228: violated(
    'a Zw routine was given a malformed UNICODE_STRING',
    routine('the call'),
    address('the string'),
  ),
  229: violated('a kernel function was called at a wrong IRQL', level),
  230: violated(
    'a Zw routine was called above PASSIVE_LEVEL, or with special APCs disabled',
    moduleAddress('the caller'),
    level,
    number('the state of special APCs'),
  ),
  234: violated('a push lock is acquired while APCs are enabled', level, apcCount, object('the push lock')),
  235: violated('a push lock is released while APCs are enabled', level, apcCount, object('the push lock')),
  240: violated(
    'memcpy was called with ranges that overlap',
    address('the target'),
    address('the source'),
    bytes('the length'),
  ),
  245: violated('ObReferenceObjectByHandle was given NULL', address('the handle'), object('the type')),
  246: violated(
    'a handle of user mode is referenced as one of kernel mode',
    number('the handle'),
    process('the process'),
    moduleAddress('the code of the driver'),
  ),
  250: violated('a completion routine changed the IRQL', routine('the completion routine'), before, after),
  251: violated(
    'a completion routine changed the APC disable count',
    routine('the completion routine'),
    number('the count now'),
    number('the count before'),
  ),
  261: violated('a request was freed with ExFreePool', irp('the request')),
  266: violated('quota of pool is charged to the Idle process'),
  267: violated('quota of pool is charged from a DPC'),
  272: violated(
    'an interrupt routine corrupted the extended context of the thread',
    routine('the interrupt routine'),
    object('the context before'),
    object('the context after'),
  ),
  273: violated('an interrupt routine changed the IRQL', routine('the interrupt routine'), before, after),
  277: violated(
    'the system did not shut down within 20 minutes',
    thread('the thread that may be deadlocked'),
  ),
  282: violated('KeEnterCriticalRegion was called above APC_LEVEL', level),
  283: violated('KeLeaveCriticalRegion was called above APC_LEVEL', level),
  288: wait('a wait is made above DISPATCH_LEVEL'),
  289: wait('a wait without a timeout is made at DISPATCH_LEVEL'),
  290: wait('a wait with a timeout other than zero is made at DISPATCH_LEVEL'),
  291: violated('a wait of user mode is made for an object on the kernel stack', object('the object')),
  304: violated('a work item lies in session space', object('the work item')),
  305: violated('a work item lies in pageable memory', object('the work item')),
  309: violated(
    'a cancelled request was not completed in time',
    irp('the request'),
    time('the milliseconds allowed'),
  ),
  314: violated(
    'pool is freed whose record is corrupt',
    block,
    number('the wrong value'),
    address('where it is'),
  ),
  4096: deadlock('a thread acquires a lock exclusively that it owns shared'),
  4097: deadlock('locks are acquired in an order that leads to a deadlock'),
  4098: deadlock('a lock is acquired that is not initialised'),
  4099: violated(
    'a lock is released out of order',
    object('the lock'),
    object('the lock that should come first'),
  ),
  4100: violated(
    'a lock is released by a thread that does not own it',
    object('the lock'),
    thread('the thread that acquired it'),
    thread('the current thread'),
  ),
  4101: deadlock('a lock is initialised twice'),
  4103: deadlock('a lock is released that is not acquired'),
  4104: deadlock('a lock is acquired with a routine for another kind of lock'),
  4105: deadlock('a lock is released with a routine for another kind of lock'),
  4106: violated('a thread ended that owns a lock', thread('the thread')),
  4107: violated('a lock was deleted that a thread owns', object('the lock'), thread('the thread')),
  8192: violated('pool is asked for that can be executed', caller, pool, poolTag('the tag')),
  8193: violated('memory is asked for that can be executed', caller, number('the page protection')),
  8194: violated(
    'an MDL is mapped so that it can be executed',
    caller,
    number('the page priority and flags'),
  ),
  8195: section('a section of the image can be both written and executed'),
  8196: section('a section of the image is not aligned to a page'),
  8197: section('the import address table lies in a section that can be executed'),
}

const rule = casesBy(code('the identifier of the rule'))(
  'a rule of the driver interfaces is broken',
  asciiString('the rule, in words'),
  object('the state of the rule'),
  object('further states'),
)
/** Identifiers of rules begin here; !ruleinfo of the Windows debugger takes them. */
const FIRST_RULE = 0x2_0000n
const ruleOr = (parameters: readonly bigint[]): bigint => {
  const first = parameters[0] ?? 0n
  return first >= FIRST_RULE ? FIRST_RULE : first
}
const unknown = [violation, RESERVED, RESERVED, RESERVED] as const

export const VERIFIER_BUGCHECKS: BugcheckMeanings = {
  196: {
    text: 'Driver Verifier found a driver that breaks a rule.',
    parameters: unknown,
    caseOf: ruleOr,
    cases: { ...C4, [Number(FIRST_RULE)]: rule },
  },
  452: {
    text: 'Driver Verifier found a driver that breaks a rule; a live dump was taken and the system keeps running.',
    parameters: unknown,
    caseOf: ruleOr,
    cases: { [Number(FIRST_RULE)]: rule },
  },
}
