// Another dump port under crashdmp, one that has only what Windows passes: it finds its context, its memory and each MDL by addresses in
// guest RAM, at offsets written here a second time, and knows no object of this stack but the kernel's address translation.
import { type Gva, gpa, gva } from '@dumpstack/bytes'
import type { Machine } from '@dumpstack/machine'
import { expect, it } from 'vitest'
import type { DumpPort, DumpPortImage } from '../dump-port.ts'
import type { LoadedImage } from '../kernel-services.ts'
import type { MiniportImage } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import {
  BODY,
  bytesOfPlan,
  type Crashed,
  crash,
  EXTENTS,
  PARTITION_OFFSET,
  testPlan,
  writeDump,
} from './crash.test-support.ts'

const PLAN = testPlan(BODY)
const ROUTINES = [0x38, 0x40, 0x48]

/** The miniport is not called: it is the port's business. */
const unused: MiniportImage = {
  ...storahci,
  load: () => () => {
    throw new Error('the miniport was called')
  },
}

class ToyPort implements DumpPort {
  failure = 'nothing failed'
  readonly disk = new Uint8Array(0x4000000)
  readonly calls: string[] = []
  readonly context: Record<string, unknown> = {}
  #image!: LoadedImage
  #machine!: Machine
  #vaToGpa!: (va: Gva) => number
  #partitionOffset = 0

  get image(): DumpPortImage {
    return {
      load: (image) => {
        this.#image = image
        return this
      },
    }
  }

  probe(): boolean {
    return true
  }

  driverEntry(
    ...[context, { kernel, environment, dataWindow }]: Parameters<DumpPort['driverEntry']>
  ): number {
    this.calls.push('DriverEntry')
    this.#machine = environment.machine
    this.#vaToGpa = (va) => (dataWindow.holds(va) ? dataWindow.translate(va) : kernel.vaToGpa(va))!
    const at = (offset: number) => gpa(this.#vaToGpa(context) + offset)
    const { ram } = environment.machine
    const buffers = [0x10, 0x18].map((offset) => this.#vaToGpa(gva(ram.u64(at(offset)))))
    Object.assign(this.context, {
      length: ram.u32(at(0)),
      heap: kernel.vaToGpa(gva(ram.u64(at(0x08)))) !== null,
      buffers: buffers.map(BigInt),
      busAddresses: [ram.u64(at(0x20)), ram.u64(at(0x28))],
      crashDump: ram.u32(at(0x68)) & 0xff,
      transfer: ram.u32(at(0x6c)),
      scsiAddress: ram.u64(gpa(this.#vaToGpa(gva(ram.u64(at(0x78)))))),
    })
    for (const offset of ROUTINES) ram.setU32(at(offset), Number(this.#image.base & 0xffffffffn) + offset)
    return 0
  }

  open(partitionOffset: number): boolean {
    this.calls.push('Open')
    this.#partitionOffset = partitionOffset
    return true
  }

  write(offset: number, mdl: { readonly va: Gva }): number {
    const { ram } = this.#machine
    const at = gpa(this.#vaToGpa(mdl.va))
    const flags = ram.u32(gpa(at + 0x08)) >>> 16
    const mapped = ram.u64(gpa(at + 0x18))
    const [byteCount, byteOffset] = [ram.u32(gpa(at + 0x28)), ram.u32(gpa(at + 0x2c))]
    expect({ flags: flags & 1, next: ram.u64(at), byteOffset }).toEqual({ flags: 1, next: 0n, byteOffset: 0 })
    for (let page = 0; page * 4096 < byteCount; page++) {
      const address = Number(ram.u64(gpa(at + 0x30 + page * 8))) * 4096
      expect(this.#vaToGpa(gva(mapped + BigInt(page * 4096)))).toBe(address)
      const to = this.#partitionOffset + offset + page * 4096
      ram.read(gpa(address), this.disk.subarray(to, to + 4096))
    }
    this.calls.push('Write')
    return 0
  }

  finish(): void {
    this.calls.push('Finish')
  }
}

/** What the port wrote to the pieces of the page file, joined. */
function dumpOn(disk: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PLAN.byteLength)
  for (const { fileOffset, partitionOffset, byteLength } of EXTENTS) {
    const length = Math.min(byteLength, bytes.byteLength - fileOffset)
    const start = PARTITION_OFFSET + partitionOffset
    if (length > 0) bytes.set(disk.subarray(start, start + length), fileOffset)
  }
  return bytes
}

const crashOn = (port: DumpPort & { readonly image: DumpPortImage }): Crashed =>
  crash({ port: port.image, miniport: unused, runtimeMiniport: storahci })

it('writes a whole dump through a port that knows only addresses', () => {
  const port = new ToyPort()
  const crashed = crashOn(port)
  const expected = bytesOfPlan(crashed, PLAN)
  expect(writeDump(crashed.stack, PLAN)).toMatchObject({
    finalStatus: 0,
    bytesWritten: PLAN.byteLength,
    violations: [],
  })
  expect(Buffer.compare(dumpOn(port.disk), expected)).toBe(0)
  expect(port.context).toMatchObject({ length: 0x108, heap: true, crashDump: 1, transfer: 0x10000 })
  expect(port.context.buffers).toEqual(port.context.busAddresses)
  expect(port.context.scsiAddress).toBe(8n)
  expect(port.calls.slice(0, 3)).toEqual(['DriverEntry', 'Open', 'Write'])
  expect(port.calls.filter((call) => call !== 'Write')).toEqual(['DriverEntry', 'Open', 'Finish'])
  expect(port.calls.at(-1)).toBe('Finish')
})

it.each<[string, number, RegExp, (port: ToyPort) => void]>([
  [
    'whose DriverEntry fails',
    0xc000009a,
    /^no memory$/,
    (port) => {
      port.driverEntry = () => 0xc000009a
      port.failure = 'no memory'
    },
  ],
  [
    'that leaves no routines',
    0xc0000001,
    /^DriverEntry of dump_storport\.sys left no OpenRoutine, WriteRoutine or FinishRoutine/,
    (port) => {
      port.driverEntry = () => 0
    },
  ],
  [
    'whose disk does not answer',
    0xc00000a3,
    /^OpenRoutine returned FALSE: no disk$/,
    (port) => {
      port.open = () => false
      port.failure = 'no disk'
    },
  ],
  [
    'that cannot write',
    0xc0000185,
    /^bad sector \(dump offset 0x0\)$/,
    (port) => {
      port.write = () => 0xc0000185
      port.failure = 'bad sector'
    },
  ],
])('ends the dump of a port %s, and calls nothing more', (_what, finalStatus, failure, change) => {
  const port = new ToyPort()
  change(port)
  const report = writeDump(crashOn(port).stack, PLAN)
  expect(report).toMatchObject({ finalStatus, failure: expect.stringMatching(failure) })
  expect(port.calls).not.toContain('Finish')
  expect(port.calls).not.toContain('Write')
})

it('finds the routines of diskdump in the context once its DriverEntry has returned', () => {
  const crashed = crash()
  const { machine, kernel, stack } = crashed
  expect(writeDump(stack, PLAN).finalStatus).toBe(0)
  const { base, size } = stack.rows[4]!
  const routines: boolean[] = []
  for (let page = 0x200; page < kernel.nextPage; page++) {
    const address = gpa(page * 4096)
    if (machine.ram.u32(address) !== 0x108 || machine.ram.u32(gpa(address + 0x170)) !== 3) continue
    for (const offset of ROUTINES) {
      const routine = machine.ram.u64(gpa(address + offset))
      routines.push(routine >= base && routine < base + BigInt(size))
    }
  }
  // the context, then its copy for the integrity gate
  expect(routines).toEqual([true, true, true, false, false, false])
})
