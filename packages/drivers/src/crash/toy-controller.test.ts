// A controller that this test adds: a record for the machine, a miniport, and a row in a profile. Nothing else knows of it, and the crash
// dump stack writes a dump through it.
import { gpa, lba, pfn } from '@dumpstack/bytes'
import {
  type ControllerModel,
  createDisk,
  createMachine,
  type Fault,
  MachineError,
  MemoryDiskImage,
} from '@dumpstack/machine'
import { controllerDrivers, type Profile, win10_19041, withMiniport } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { BODY, bytesOfPlan, bytesOnDisk, crash, testPlan, writeDump } from './crash.test-support.ts'
import { TOY, TOY_COMMAND, TOY_GEOMETRY, TOY_PORTS, TOY_STATUS, toy } from './toy-controller.test-support.ts'
import { type Mischief, toyMiniport } from './toy-miniport.test-support.ts'

const controller = 'toy0'
const plan = testPlan(BODY)
const profile: Profile = {
  ...win10_19041,
  stack: { toy: withMiniport(controllerDrivers(win10_19041, 'ahci'), 'toy.sys') },
}

function crashed(options: { faults?: readonly Fault[]; mischief?: Mischief; writesInFlight?: number } = {}) {
  return crash({
    model: toy,
    profile,
    runtimeMiniport: toyMiniport(),
    miniport: toyMiniport(options.mischief),
    writesInFlight: options.writesInFlight ?? 0,
    before: ({ machine }) => {
      for (const fault of options.faults ?? []) machine.faults.add(fault)
    },
  })
}
type Crashed = ReturnType<typeof crashed>
const isWhole = (test: Crashed): boolean =>
  Buffer.compare(bytesOnDisk(test, plan.byteLength), bytesOfPlan(test, plan)) === 0

describe('a dump through the toy', () => {
  it('is whole and breaks no rule, with writes in flight at the crash', () => {
    const test = crashed({ writesInFlight: 6 })
    const moved = test.machine.evidence.dmaLog.length
    expect(writeDump(test.stack, plan)).toMatchObject({
      finalStatus: 0,
      bytesWritten: plan.byteLength,
      violations: [],
    })
    expect(isWhole(test)).toBe(true)
    expect(test.machine.evidence.dmaLog.length).toBeGreaterThan(moved)
    expect(test.machine.evidence.dmaLog.at(moved)).toMatchObject({ device: controller, disk: 'disk0' })
    expect(test.machine.evidence.notModelled).toEqual([])
    expect(test.stack.rows.map(({ baseName }) => baseName)).toContain('dump_toy.sys')
  })

  it.each<Fault>([
    { kind: 'transientError', controller, afterWrites: 3 },
    { kind: 'latency', controller, nanoseconds: 3e6 },
    { kind: 'throttle', controller, bytesPerSecond: 4e6 },
  ])('recovers from $kind', (fault) => {
    const test = crashed({ faults: [fault] })
    expect(writeDump(test.stack, plan)).toMatchObject({ finalStatus: 0, violations: [] })
    expect(isWhole(test)).toBe(true)
  })

  it.each<[Fault, number]>([
    [{ kind: 'badSector', controller, lba: lba((0x100000 + 0x0600000) / 512), sectorCount: 1 }, 0xc0000185],
    [{ kind: 'hang', controller, afterWrites: 2 }, 0xc00000b5],
    [{ kind: 'lostCompletion', controller, afterWrites: 2 }, 0xc00000b5],
  ])('ends with a failing status at %o', (fault, finalStatus) => {
    expect(writeDump(crashed({ faults: [fault] }).stack, plan)).toMatchObject({ finalStatus })
  })

  it.each(['wrongStatus', 'wrongPage'] as const)('%s: only the comparison with RAM can tell', (kind) => {
    const test = crashed({ faults: [{ kind, controller, afterWrites: 3, count: 1 }] })
    expect(writeDump(test.stack, plan)).toMatchObject({ finalStatus: 0 })
    expect(isWhole(test)).toBe(false)
  })

  it('does not start where its image has other names than its symbolPrefix says', () => {
    const miniport = { ...toyMiniport(), symbolPrefix: 'Tony' }
    expect(() => crash({ model: toy, profile, runtimeMiniport: miniport, miniport })).toThrow(
      /^toy\.sys exports no TonyHwInitialize, expected one in its image toy\.sys by the symbolPrefix/,
    )
  })

  it('has no link that could go down', () => {
    expect(() => crashed({ faults: [{ kind: 'linkDown', controller }] })).toThrow(
      /kind toy, expected one with a link$/,
    )
  })
})

describe('a bad miniport of the toy is found by what the record says', () => {
  it('DM-34: an address register that is written in part', () => {
    const test = crashed({
      mischief: (port, _registers, list) => {
        port.registerAccess(true, test.machine.registerWindows[0]!.base + TOY.list, 2, 0)
        return list
      },
    })
    expect(writeDump(test.stack, plan).violations).toContainEqual(
      expect.objectContaining({ rule: 'DM-34', call: 'write of LIST' }),
    )
  })

  it('device-stopped: a list outside of RAM', () => {
    const test = crashed({ mischief: () => 0xf0000000 })
    expect(writeDump(test.stack, plan).violations[0]).toMatchObject({
      rule: 'device-stopped',
      message: 'toy0 stopped until its reset: an entry of the list that is not in RAM',
    })
  })
})

describe('its machine', () => {
  const disk = (name: string) =>
    createDisk({
      name,
      model: name,
      serialNumber: name,
      logicalSectorBytes: 512,
      image: new MemoryDiskImage(2 ** 20),
    })
  const machineWith = (...names: string[]) =>
    createMachine({
      seed: 1,
      runs: [{ basePage: pfn(0x100), pageCount: 0x10 }],
      cpuCount: 1,
      controllers: names.map((name, index) => ({
        model: toy,
        name,
        bdf: 8 + index,
        interruptVector: 16,
        attachments: [{ disk: disk('first') }, { channel: 1, disk: disk('second') }],
        settings: { mode: 'slow' },
      })),
    })

  it('answers at its legacy ports, while the function decodes I/O space', () => {
    const { bus } = machineWith('toy0')
    expect(bus.in8(TOY_PORTS)).toBe(TOY_STATUS.idle)
    bus.setConfig32(8, 0x04, 0x6)
    expect(bus.in8(TOY_PORTS)).toBe(0xff)
  })

  it('moves to the disk of the channel that its driver chose; a write to the port resets it', () => {
    const machine = machineWith('toy0')
    const { bus, ram } = machine
    const [memory, ports] = machine.registerWindows
    expect(ports).toMatchObject({ model: 'toy', kind: 'port', base: TOY_PORTS, byteLength: 2 })
    const set = (register: number, value: number): void => bus.write32(gpa(memory!.base + register), value)
    ram.setU32(gpa(0x100000), 0x101000)
    ram.setU32(gpa(0x100004), 512)
    ram.setU32(gpa(0x101000), 0x12345678)
    const write = (): void => {
      set(TOY_GEOMETRY.channel, 1)
      set(TOY.lba, 2)
      set(TOY.count, 1)
      set(TOY.list, 0x100000)
      set(TOY.entries, 1)
      set(TOY.command, TOY_COMMAND.write)
    }
    write()
    expect(bus.in8(TOY_PORTS)).toBe(TOY_STATUS.busy)
    bus.out8(TOY_PORTS, 1)
    machine.stall(10_000)
    expect([bus.in8(TOY_PORTS), machine.evidence.dmaLog.length]).toEqual([TOY_STATUS.idle, 0])
    write()
    machine.stall(10_000)
    expect(bus.in8(TOY_PORTS)).toBe(TOY_STATUS.done)
    expect(machine.evidence.dmaLog.at(0)).toMatchObject({ device: 'toy0', disk: 'second', diskOffset: 1024 })
  })

  it('refuses two functions at the same ports', () => {
    expect(() => machineWith('toy0', 'toy1')).toThrow(MachineError)
    expect(() => machineWith('toy0', 'toy1')).toThrow(/^controllers toy0 and toy1 both claim port 0x1f0$/)
  })
})

it('a record that misses a member does not compile', () => {
  const { addressRegister, create, hasLink, kind, pci, places, registerName, settings } = toy
  // @ts-expect-error: kind
  const a: ControllerModel = { addressRegister, create, hasLink, pci, places, registerName, settings }
  // @ts-expect-error: pci
  const b: ControllerModel = { addressRegister, create, hasLink, kind, places, registerName, settings }
  // @ts-expect-error: settings
  const c: ControllerModel = { addressRegister, create, hasLink, kind, pci, places, registerName }
  // @ts-expect-error: places
  const d: ControllerModel = { addressRegister, create, hasLink, kind, pci, registerName, settings }
  // @ts-expect-error: hasLink
  const e: ControllerModel = { addressRegister, create, kind, pci, places, registerName, settings }
  // @ts-expect-error: create
  const f: ControllerModel = { addressRegister, hasLink, kind, pci, places, registerName, settings }
  // @ts-expect-error: registerName
  const g: ControllerModel = { addressRegister, create, hasLink, kind, pci, places, settings }
  // @ts-expect-error: addressRegister
  const h: ControllerModel = { create, hasLink, kind, pci, places, registerName, settings }
  expect([a, b, c, d, e, f, g, h].map((record) => Object.keys(record).length)).toEqual(Array(8).fill(7))
})
