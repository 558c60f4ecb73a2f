// What Driver Verifier stops the system for when it checks I/O and DMA: learn.microsoft.com, "Bug Check Code Reference", pages 0xC9
// and 0xE6. Facts from there, in our own words.
import {
  address,
  type BugcheckCase,
  type BugcheckMeanings,
  bytes,
  casesBy,
  code,
  count,
  deviceObject,
  fileObject,
  irp,
  irql,
  mdl,
  ntstatus,
  number,
  object,
  RESERVED,
  routine,
} from './parameter.ts'

const violation = code('the kind of violation')
const violated = casesBy(violation)
const level = irql('the IRQL')
const before = irql('the IRQL before')
const after = irql('the IRQL after')
const device = deviceObject('the device object')
const C9: Readonly<Record<number, BugcheckCase>> = {
  1: violated('what is freed as a request is none', irp('what is freed')),
  2: violated('a request is freed that still belongs to a thread', irp('the request')),
  3: violated('IoCallDriver was given something that is no request', irp('what was given')),
  4: violated('IoCallDriver was given an invalid device object', device),
  5: violated('a dispatch routine changed the IRQL', device, before, after),
  6: violated('a request was completed as pending', ntstatus('its status'), irp('the request')),
  7: violated(
    'a request was completed whose cancel routine is set',
    routine('the cancel routine'),
    irp('the request'),
  ),
  8: violated(
    'IoBuildAsynchronousFsdRequest was given an invalid buffer',
    device,
    number('the major function'),
    ntstatus('the exception'),
  ),
  9: violated(
    'IoBuildDeviceIoControlRequest was given an invalid buffer',
    device,
    number('the I/O control code'),
    ntstatus('the exception'),
  ),
  10: violated('IoInitializeTimer was called twice for a device', device),
  12: violated(
    'an I/O status block lies on a part of the stack that has returned',
    address('the status block'),
  ),
  13: violated('an event lies on a part of the stack that has returned', object('the event')),
  14: violated('IoCompleteRequest was called above DISPATCH_LEVEL', level, irp('the request')),
  15: violated(
    'a create was sent with a file object that is closed',
    device,
    irp('the request'),
    fileObject('the file object'),
  ),
  16: violated('IoCallDriver was called above DISPATCH_LEVEL', level),
  17: violated(
    'IoCallDriver was called above DISPATCH_LEVEL',
    routine('the fast I/O routine'),
    before,
    level,
  ),
  18: violated(
    'IoCallDriver was called above DISPATCH_LEVEL',
    routine('the dispatch routine'),
    before,
    level,
  ),
}

const adapter = object('the DMA adapter (DMA_ADAPTER)')
const record = object('the record of the verifier')
const E6: Readonly<Record<number, BugcheckCase>> = {
  3: violated('a common buffer is freed twice, or was not allocated'),
  8: violated('an adapter is released that has channels or buffers', adapter, count('channels'), record),
  9: violated('an adapter is released that has map registers', adapter, count('map registers'), record),
  10: violated(
    'an adapter is released that has scatter/gather lists',
    adapter,
    count('scatter/gather lists'),
    record,
  ),
  11: violated('a second adapter channel is allocated', count('channels')),
  12: violated('too many map registers are allocated', count('map registers asked for'), count('the limit')),
  13: violated('the adapter buffers were not flushed', bytes('bytes mapped'), bytes('the limit')),
  14: violated('a DMA transfer uses a buffer that is not locked', mdl('the MDL')),
  15: violated(
    'the driver or the hardware wrote outside its DMA buffer',
    code('where', {
      1: 'the tag before the buffer',
      2: 'the tag after the buffer',
      3: 'a free map register',
      4: 'the padding before the buffer',
      5: 'the padding after the buffer',
    }),
    number('the length or the start of the buffer'),
    address('the start of the buffer, or what is corrupt'),
  ),
  16: violated('map registers are freed that are mapped', count('map registers')),
  17: violated('the adapter is referenced too often', count('references'), adapter, record),
  19: violated(
    'a DMA routine was called at a wrong IRQL',
    code('why', { 1: 'another IRQL is expected', 2: 'the IRQL is too high' }),
    irql('the IRQL expected'),
    level,
  ),
  24: violated('an adapter is used that was released', adapter, record),
  25: violated('the adapter given is NULL'),
  27: violated('an address lies outside its MDL', address('the address'), mdl('the MDL')),
  29: violated(
    'a range is mapped twice',
    address('where it begins'),
    address('where it ends'),
    address('what is mapped already'),
  ),
  30: violated('HalGetAdapter was called, which is obsolete'),
  31: violated(
    'a DMA buffer is invalid',
    code('why', {
      1: 'it begins before its MDL',
      2: 'it begins after its MDL',
      3: 'its length crosses a page that the MDL does not have',
      4: 'its address is not aligned to a cache line',
      5: 'its length is not aligned to a cache line',
    }),
    number('its address or length, or the MDL'),
    number('the MDL, or the length'),
  ),
  32: violated(
    'a map register is flushed that is not mapped',
    object('the map registers'),
    address('the buffer'),
    mdl('the MDL'),
  ),
  33: violated('a buffer of length zero is mapped', record),
  34: violated('a DMA buffer is not mapped in system space', mdl('the MDL')),
  38: violated('the IOMMU found a DMA transfer that is not allowed'),
}

const unknown = [violation, RESERVED, RESERVED, RESERVED] as const

export const VERIFIER_IO_DMA_BUGCHECKS: BugcheckMeanings = {
  201: { text: 'Driver Verifier found a driver that breaks a rule of I/O.', parameters: unknown, cases: C9 },
  230: { text: 'Driver Verifier found a driver that breaks a rule of DMA.', parameters: unknown, cases: E6 },
}
