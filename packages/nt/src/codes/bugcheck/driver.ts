// Bugchecks about what drivers do with requests, power, locks, threads and work items: learn.microsoft.com, "Bug Check Code
// Reference", one page a code. Facts from there, in our own words.
import {
  address,
  asciiString,
  type BugcheckMeanings,
  casesBy,
  code,
  count,
  deviceObject,
  driverObject,
  fileObject,
  irp,
  irql,
  ntstatus,
  number,
  object,
  prcb,
  processor,
  RESERVED,
  routine,
  thread,
  time,
  unicodeString,
  urb,
} from './parameter.ts'

const violation = code('the kind of violation')
const violated = casesBy(violation)
const pdo = deviceObject('the physical device object')
const apcCounts = (text: string) =>
  violated(
    text,
    routine('the DPC routine'),
    number("the thread's APC disable count before"),
    number("the thread's APC disable count after"),
  )
const memoryRange = [address('where the memory begins'), address('where it ends')] as const

export const DRIVER_BUGCHECKS: BugcheckMeanings = {
  24: {
    text: 'The reference count of an object is not legal for its state, such as one that is released once too often.',
    parameters: [object('the type of the object (OBJECT_TYPE)'), object('the object'), RESERVED, RESERVED],
  },
  32: {
    text: 'A thread ended while an asynchronous procedure call was pending.',
    parameters: [
      object('the APC'),
      number("the thread's APC disable count: below 0 a driver forgot to enable them again"),
      irql('the IRQL'),
      RESERVED,
    ],
  },
  53: {
    text: 'IoCallDriver was called with a request that has no stack location left.',
    parameters: [irp('the request'), RESERVED, RESERVED, RESERVED],
  },
  68: {
    text: 'A driver completed a request that was completed already.',
    parameters: [irp('the request'), RESERVED, RESERVED, RESERVED],
  },
  72: {
    text: 'A request was cancelled after it had been completed.',
    parameters: [irp('the request'), routine('the cancel routine that its driver set'), RESERVED, RESERVED],
  },
  74: {
    text: 'A thread returns from a system call to user mode with the IRQL still raised.',
    parameters: [routine('the system call'), irql('the IRQL'), RESERVED, RESERVED],
  },
  147: {
    text: 'A handle was closed or referenced that is not valid, or is protected.',
    parameters: [
      number('the handle'),
      code('the kind of violation, or the handle table', { 0: 'a protected handle', 1: 'an invalid handle' }),
      RESERVED,
      code('whether the detection of bad handles found it', { 0: 'no', 1: 'yes' }),
    ],
  },
  159: {
    text: 'A driver is in a power state that is inconsistent, or takes too long to leave one.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      1: violated(
        'a device object is deleted while it has a power request to complete',
        deviceObject('the device object'),
      ),
      2: violated(
        'a system power request was completed without PoStartNextPowerIrp',
        deviceObject('the device object of the target, if known'),
        deviceObject('the device object'),
        driverObject('the driver object, if known'),
      ),
      3: violated(
        'a device object blocks a request for too long',
        pdo,
        object('triage facts (TRIAGE_9F_POWER)'),
        irp('the blocked request'),
      ),
      4: violated(
        'a change of the power state waited too long for Plug and Play',
        time('the timeout in seconds'),
        thread('the thread that holds the lock of Plug and Play'),
        object('triage facts (TRIAGE_9F_PNP)'),
      ),
      5: violated(
        'a device did not complete a directed power transition in time',
        pdo,
        object('the power framework device (POP_FX_DEVICE)'),
      ),
      6: violated(
        'a device reported failure of its directed power transition',
        object('the power framework device (POP_FX_DEVICE)'),
        code('the direction', { 0: 'power up', 1: 'power down' }),
      ),
      1280: violated(
        'a system power request was completed without PoStartNextPowerIrp',
        RESERVED,
        deviceObject('the device object of the target, if known'),
        deviceObject('the device object'),
      ),
    },
  },
  199: {
    text: 'A timer or a DPC lies where it may not, or broke the rules of its kind.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      0: violated('memory holds a timer that is still active', object('the timer'), ...memoryRange),
      1: violated('memory holds a DPC that is still queued', object('the DPC'), ...memoryRange),
      2: violated(
        'memory holds a DPC routine that is still in use',
        routine('the DPC routine'),
        ...memoryRange,
      ),
      3: violated(
        'a DPC names a processor that does not exist',
        object('the DPC'),
        processor('the processor'),
        count('processors of the system'),
      ),
      4: apcCounts('a DPC routine changed the APC disable count'),
      5: apcCounts('a DPC routine of a timer changed the APC disable count'),
    },
  },
  202: {
    text: 'The Plug and Play manager encountered an error that it cannot recover from, mostly made by a bus driver.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      1: violated(
        'two physical device objects have the same identifiers',
        deviceObject('the newer one'),
        deviceObject('the older one'),
      ),
      2: violated(
        'what was given is not an initialised physical device object',
        deviceObject('what was given'),
        driverObject('the driver object'),
      ),
      3: violated(
        'an identifier holds illegal characters or has no end',
        pdo,
        address('the identifier'),
        code('which one', { 1: 'DeviceID', 2: 'UniqueID', 3: 'HardwareIDs', 4: 'CompatibleIDs' }),
      ),
      4: violated('a physical device object was enumerated after it was deleted', pdo),
      5: violated('a physical device object was freed while the tree of devices still holds it', pdo),
      8: violated(
        'a bus reported NULL as one of its devices',
        pdo,
        count('devices reported'),
        count('devices before the first NULL'),
      ),
      9: violated('IoDisconnectInterruptEx was given a wrong kind of connection', number('the kind')),
      10: violated(
        'a driver changed the IRQL or the APC disable count in a notification',
        driverObject('the driver object'),
        irql('the IRQL after it'),
        number('the APC disable count after it'),
      ),
      11: violated(
        'a device reports a relation to a device that is deleted',
        deviceObject('the related device'),
        object('the removal relations'),
      ),
    },
  },
  225: {
    text: 'A work item returned with the IRQL raised.',
    parameters: [
      routine('the work routine'),
      irql('the IRQL'),
      number('its parameter'),
      object('the work item'),
    ],
  },
  227: {
    text: 'A thread released a resource that it does not own.',
    parameters: [
      object('the resource (ERESOURCE)'),
      thread('the thread'),
      object('the table of its owners, if there is one'),
      RESERVED,
    ],
  },
  228: {
    text: 'Memory that is freed or queued holds an active work item.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      0: violated('an active work item was freed', object('the work item'), ...memoryRange),
      1: violated('an active work item was queued', object('the work item'), number('the queue')),
      2: violated('a queued I/O work item was freed', object('the work item'), routine('its routine')),
      3: violated(
        'an I/O work item was initialised with an invalid object',
        object('the work item'),
        object('the invalid object'),
      ),
    },
  },
  234: {
    text: 'A thread spins in a device driver without end, most likely waiting for its hardware.',
    parameters: [
      thread('the thread'),
      object('the watchdog (DEFERRED_WATCHDOG)'),
      unicodeString('the name of the driver'),
      count('times that the watchdog expired, in a debugger'),
    ],
  },
  245: {
    text: 'The filter manager encountered an error that it cannot recover from.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      102: violated(
        'a minifilter asks for a postoperation callback that it did not register',
        object('the callback data'),
      ),
      103: violated(
        'an internal object is full',
        object('the callback data'),
        RESERVED,
        ntstatus('the status of the operation'),
      ),
      104: violated(
        'file name information was released too often',
        RESERVED,
        object('the FLT_FILE_NAME_INFORMATION'),
      ),
      106: violated('an open cannot be cancelled: the file has handles', fileObject('the file')),
      109: violated(
        'a context was released too often',
        object("the minifilter's context"),
        object('the CONTEXT_NODE'),
      ),
      110: violated(
        'a context was referenced after it was freed',
        object("the minifilter's context"),
        object('the CONTEXT_NODE'),
      ),
    },
  },
  254: {
    text: 'A driver of the USB stack encountered an error.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      1: violated('an internal error of the stack'),
      2: violated(
        'a URB was sent that another request still holds',
        irp('the pending request'),
        irp('the request that was sent'),
        urb('the URB'),
      ),
      3: violated('the miniport asks for a bugcheck, mostly after a hardware failure'),
      4: violated('a request was sent that is pending already', irp('the request'), urb('its URB')),
      5: violated(
        'a structure of the hardware holds a bad physical address',
        object('the device extension of the host controller'),
        number('vendor and product of the controller'),
        object('the endpoint'),
      ),
      6: violated('an internal object is corrupt', object('the object'), number('the signature expected')),
      7: violated(
        'see the message',
        object('the log of usbport.sys'),
        asciiString('the message'),
        asciiString('the file'),
      ),
    },
  },
  258: {
    text: 'A processor did not run its DPC watchdog in time: a DPC or an interrupt routine hangs.',
    parameters: [time('the timeout in clock ticks'), prcb('the processor that hangs'), RESERVED, RESERVED],
  },
  269: {
    text: 'The driver framework (KMDF) found an error in a driver.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      1: violated('a power operation timed out', object('the WDF_POWER_ROUTINE_TIMED_OUT_DATA')),
      2: violated('a lock is acquired that is held already'),
      3: violated(
        'a request was completed whose buffers are still referenced',
        object('the WDFREQUEST'),
        count('references left'),
      ),
      4: violated('NULL was given where that is not allowed', RESERVED, routine('the caller')),
      5: violated('a handle of the wrong type was given', object('the handle')),
      6: violated(
        'a fatal error with a request',
        code('which error (WDF_REQUEST_FATAL_ERROR)', {
          1: 'the request has no stack location left',
          2: 'the framework request has no IRP',
          3: 'the request was sent already',
          4: 'more bytes were written than the request has room for',
        }),
        object('the IRP, the request, or facts about them'),
      ),
      7: violated('WdfObjectDereference deleted an object', object('the handle')),
      8: violated('a DMA transaction is not in the state for this operation', object('the transaction')),
      10: violated('a fatal error with a request in a queue', object('the WDF_QUEUE_FATAL_ERROR_DATA')),
      11: violated(
        'a lock cannot be acquired or released like this',
        object('the handle'),
        code('why', { 0: 'the object has no lock', 1: 'another thread holds the lock' }),
      ),
      12: violated(
        'a Plug and Play request came while another was handled',
        object('the WDFDEVICE'),
        irp('the new request'),
      ),
      13: violated(
        'a power request came that the power policy owner did not ask for',
        object('the WDFDEVICE'),
        irp('the request'),
      ),
      14: violated('a callback changed the IRQL', irql('the IRQL before'), irql('the IRQL after')),
      15: violated('a callback did not leave its critical region', routine('the callback')),
    },
  },
  307: {
    text: 'A DPC or an interrupt routine, or all of them together, took longer than is allowed.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      0: violated(
        'one DPC or interrupt routine took too long',
        time('the time it took, in ticks'),
        time('the time allowed, in ticks'),
        object('triage facts (DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK), or 0'),
      ),
      1: violated(
        'the processor was at DISPATCH_LEVEL or above for too long altogether',
        time('the period of the watchdog, in ticks'),
        object('triage facts (DPC_WATCHDOG_GLOBAL_TRIAGE_BLOCK), or 0'),
      ),
    },
  },
  324: {
    text: 'The USB 3 stack encountered an error: a client driver broke a rule, or hardware failed.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      1: violated(
        'a client driver sent a URB that it had sent before',
        irp('the request, or 0'),
        urb('the URB'),
        deviceObject("the client's device object"),
      ),
      2: violated('the boot device was not found again after a reset', pdo),
      3: violated(
        'a client driver sent a corrupt URB',
        irp('the request, or 0'),
        urb('the URB'),
        deviceObject("the client's device object"),
      ),
      4097: violated('the controller reports a host system error', object('the XHCI_LIVEDUMP_CONTEXT')),
      4098: violated('the controller reports a host controller error', object('the XHCI_LIVEDUMP_CONTEXT')),
      4103: violated('the controller could not be reset', object('the XHCI_LIVEDUMP_CONTEXT')),
      4104: violated('the controller could not be started again', object('the XHCI_LIVEDUMP_CONTEXT')),
      4105: violated('a command of the controller did not end', object('the XHCI_LIVEDUMP_CONTEXT')),
      4109: violated('the controller was removed', object('the XHCI_LIVEDUMP_CONTEXT')),
      12288: violated('a hub that misbehaved was reset', object('the USBHUB3_LIVEDUMP_CONTEXT')),
      12289: violated('a hub that misbehaved could not be reset', object('the USBHUB3_LIVEDUMP_CONTEXT')),
      12290: violated('a SuperSpeed hub was disabled', object('the USBHUB3_LIVEDUMP_CONTEXT')),
      12291: violated('a device could not be enumerated', object('the USBHUB3_LIVEDUMP_CONTEXT')),
    },
  },
  350: {
    text: 'NDIS took a live dump; the system keeps running.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      1: violated(
        'a miniport met a fatal error and asks to be enumerated again',
        object('the miniport block'),
        pdo,
        code('the cause', {
          70: 'user mode',
          71: 'NdisMRemoveMiniport',
          72: 'NdisIMInitializeDeviceInstanceEx failed',
          73: 'MiniportRestart failed',
          74: 'the request to power up failed',
          75: 'the request to power down failed',
        }),
      ),
      37: violated(
        'an operation on the network stack took too long',
        code('the operation', {
          1: 'pause of a protocol driver',
          2: 'NET_PNP_EVENT to a protocol driver',
          3: 'status indication to a protocol driver',
          4: 'unbind of a protocol driver',
          17: 'pause of a filter driver',
          18: 'NET_PNP_EVENT to a filter driver',
          19: 'status indication to a filter driver',
          20: 'detach of a filter driver',
          33: 'pause of a miniport',
          34: 'halt of a miniport',
          35: 'OID request to a miniport',
          36: 'OID request to a filter driver',
          37: 'idling a miniport',
          38: 'cancelling the idling of a miniport',
        }),
        object('triage facts (NDIS_WATCHDOG_TRIAGE_BLOCK)'),
      ),
    },
  },
  354: {
    text: 'A lock that AutoBoost tracks was released by a thread that does not own it.',
    parameters: [thread('the thread'), object('the lock'), number('the session of the thread'), RESERVED],
  },
  366: {
    text: 'A resource was released for a thread that does not own it.',
    parameters: [
      object('the resource (ERESOURCE)'),
      thread('the current thread'),
      thread('the thread that was given'),
      RESERVED,
    ],
  },
  402: {
    text: 'A lock that AutoBoost tracks was acquired while the IRQL was raised.',
    parameters: [thread('the thread'), object('the lock'), irql('the IRQL'), RESERVED],
  },
  469: {
    text: 'A driver did not complete a Plug and Play operation in time.',
    parameters: [
      number("the first letters of the service's name"),
      object('triage facts (TRIAGE_PNP_WATCHDOG)'),
      thread('the thread that hangs'),
      time('the time since the watchdog started, in milliseconds'),
    ],
  },
}
