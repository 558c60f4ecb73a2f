// Bugchecks about processors, clocks and hardware errors: learn.microsoft.com, "Bug Check Code Reference", one page a code.
// Facts from there, in our own words.
import {
  ALL_RESERVED,
  address,
  type BugcheckMeanings,
  bytes,
  casesBy,
  code,
  count,
  deviceObject,
  ntstatus,
  number,
  object,
  prcb,
  processor,
  RESERVED,
  time,
} from './parameter.ts'

const errorSource = code('the source of the error', {
  0: 'machine check',
  1: 'corrected machine check',
  2: 'corrected platform error',
  3: 'nonmaskable interrupt',
  4: 'PCI Express, uncorrectable',
  5: 'generic hardware error',
  6: 'initialisation',
  7: 'boot error',
  8: 'generic error by SCI',
  9: 'Itanium machine check abort',
  10: 'Itanium machine check, corrected',
  11: 'Itanium platform error, corrected',
  12: 'other, version 2',
  13: 'generic error by SCI, version 2',
  14: 'baseboard management controller',
  15: 'persistent memory',
  16: 'device driver',
  17: 'ARM synchronous external abort',
  18: 'ARM SError interrupt',
})
const errorRecord = object('the error record (WHEA_ERROR_RECORD)')
const whea = casesBy(code('the kind of error'))
const violation = code('the kind of violation')
const violated = casesBy(violation)
const watchdog = [
  time('the time since the watchdog was reset, in interrupt time'),
  time('the interrupt time now'),
  time('the performance counter now'),
  processor('the processor of the clock'),
] as const

export const HARDWARE_BUGCHECKS: BugcheckMeanings = {
  128: { text: 'Hardware raised a nonmaskable interrupt: it is faulty.', parameters: ALL_RESERVED },
  156: {
    text: 'The processor reported a machine check that it cannot recover from.',
    parameters: [
      number('the bank'),
      object('the MCA_EXCEPTION'),
      number('the high half of MCi_STATUS'),
      number('the low half of MCi_STATUS'),
    ],
  },
  160: {
    text: 'The power policy manager met a fatal error.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      1: violated(
        'a power request could not be handled',
        code('the error', {
          1: 'too many references to a device',
          2: 'too many inrush requests are pending',
          3: 'too many inrush requests are pending',
          4: 'too many inrush requests are pending',
          5: 'the device must be called at PASSIVE_LEVEL',
          6: 'a request that is needed could not be allocated',
        }),
        number('the limit, or the device object'),
        code('the kind of request, for error 6', { 0: 'system', 1: 'device' }),
      ),
      2: violated('an internal failure in handling a power event'),
      3: violated(
        'a context page of the hibernation file has a wrong checksum',
        number('the checksum expected'),
        number('the checksum found'),
        number('where in the source'),
      ),
      4: violated(
        'a page that goes into the hibernation file has a wrong checksum',
        number('the checksum expected'),
        number('the checksum found'),
        number('where in the source'),
      ),
      5: violated('an unknown shutdown code'),
      7: violated('an exception that no handler took'),
      8: violated(
        'a system power event could not be handled',
        number('always 0x100'),
        deviceObject('the device object'),
        object('the POWER_CHANNEL_SUMMARY'),
      ),
      9: violated(
        'the hibernation file could not be prepared',
        ntstatus('the status'),
        number('the phase of mirroring'),
      ),
      10: violated(
        'a crash was asked for on resume',
        code('when', { 0: 'at once', 1: 'after the devices that cannot page', 2: 'after all devices' }),
      ),
      11: violated(
        'the hibernation file is too small',
        bytes('its size'),
        code('how far it came', {
          0: 'free map',
          1: 'resume context',
          2: 'processor state',
          3: 'secure ranges',
          4: 'memory ranges',
          5: 'table pages',
          6: 'memory image',
        }),
        bytes('memory ranges that are left, for 4'),
      ),
      12: violated(
        'the dump stack could not be initialised',
        ntstatus('the status'),
        object('the context of the dump stack'),
      ),
    },
  },
  165: {
    text: 'The ACPI firmware does not follow the specification.',
    parameters: [violation, RESERVED, RESERVED, RESERVED],
    cases: {
      1: violated(
        'no interrupt for the system control interrupt is among the resources',
        object('the device extension of ACPI'),
        object('the resource list'),
        code('what is missing', { 0: 'the list', 1: 'an interrupt in it' }),
      ),
      3: violated(
        'a control method failed while the namespace was enumerated',
        object('the ACPI object'),
        number('what the interpreter returned'),
        number('the name of the method'),
      ),
      4: violated(
        '_PRW holds no integer where it must',
        object('the ACPI extension'),
        object('the method'),
        number('the type found'),
      ),
      5: violated(
        '_PRW holds fewer than two elements',
        object('the ACPI extension'),
        object('the _PRW'),
        count('its elements'),
      ),
      6: violated(
        'an object that _PRx names does not exist',
        object('the ACPI extension'),
        object('the _PRx'),
        address('the name'),
      ),
      7: violated(
        'a method returned no buffer',
        object('the ACPI extension'),
        object('the method'),
        number('the type returned'),
      ),
      8: violated(
        'a method returned no integer',
        object('the ACPI extension'),
        object('the method'),
        number('the type returned'),
      ),
      9: violated(
        'a method returned no package',
        object('the ACPI extension'),
        object('the method'),
        number('the type returned'),
      ),
      10: violated(
        'a method returned no string',
        object('the ACPI extension'),
        object('the method'),
        number('the type returned'),
      ),
      11: violated(
        'the object that _EJD names does not exist',
        object('the ACPI extension'),
        number('what the interpreter returned'),
        address('the name'),
      ),
    },
  },
  257: {
    text: 'A processor did not take its clock interrupt in time: it hangs or waits for ever.',
    parameters: [
      time('the timeout in clock ticks'),
      RESERVED,
      prcb('the processor that hangs'),
      processor('its number'),
    ],
  },
  290: {
    text: 'The error architecture of Windows (WHEA), its plug-in or the firmware met an error.',
    parameters: [code('the kind of error'), RESERVED, RESERVED, RESERVED],
    cases: {
      1: whea('no memory for the error sources', bytes('the memory asked for'), count('error sources')),
      2: whea('no memory for the block of a processor', count('processors')),
      5: whea('the error sources could not be enumerated', ntstatus('the status'), number('the phase')),
      6: whea(
        'an error source could not be initialised',
        ntstatus('the status'),
        number('the phase'),
        number('the kind of source'),
      ),
      7: whea('no memory', ntstatus('the status')),
      8: whea('no memory for the descriptors of error sources', count('error sources')),
      9: whea('an invalid source reported an error', number('the kind of source'), number('its identifier')),
      10: whea('no memory for an error record', number('the kind of source'), number('its identifier')),
      11: whea('an error record could not be filled', number('the kind of source'), number('its identifier')),
    },
  },
  292: {
    text: 'Hardware reported an error that cannot be corrected.',
    parameters: [errorSource, errorRecord, RESERVED, RESERVED],
    cases: {
      0: casesBy(errorSource)(
        'a machine check',
        errorRecord,
        number('the high half of MCi_STATUS'),
        number('the low half of MCi_STATUS'),
      ),
      9: casesBy(errorSource)(
        'a machine check abort of an Itanium',
        errorRecord,
        bytes('the length of the SAL log'),
        address('the SAL log'),
      ),
    },
  },
  382: {
    text: 'Processors run with different microcode: the firmware updated some of them only.',
    parameters: [
      number('the CPUID signature of the processor that differs'),
      number('the revision expected'),
      number('the revision found'),
      processor('the processor'),
    ],
  },
  458: {
    text: 'The watchdog of the system expired: it no longer handles timer ticks.',
    parameters: watchdog,
  },
  463: {
    text: 'The hardware watchdog expired: the system no longer handles timer ticks.',
    parameters: watchdog,
  },
  475: {
    text: 'A processor waited too long for others to take an interrupt.',
    parameters: [
      number('the frequency of the performance counter'),
      time('the performance counter now'),
      time('the performance counter at the start'),
      RESERVED,
    ],
  },
  131073: { text: 'The hypervisor met a fatal error.', parameters: ALL_RESERVED },
}
