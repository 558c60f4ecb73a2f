// What a power off leaves, over JSON and back; and that damage to it is named, never used.

import { bigintAsHex } from '@dumpstack/bytes'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { ahci, MemoryDiskImage } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { Facts, type TargetConditions, TargetError } from '@dumpstack/target'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { ramRuns } from '../boot/memory-layout.ts'
import { WindowsError } from '../errors.ts'
import { readGuestImages } from '../node/guest-images.ts'
import { CrashControl } from '../registry/crash-control.ts'
import { Registry } from '../registry/registry.ts'
import { MemoryHostFolder } from '../volume/host-folder.ts'
import { Volume } from '../volume/volume.ts'
import { poweredOffTargetOf } from './powered-off.ts'
import { SystemTarget } from './system-target.ts'
import { WindowsSystem } from './windows-system.ts'

const MIB = 1024 * 1024
const signal = new AbortController().signal
const guestImages = readGuestImages(win10_19041)

function optionsOf(conditions: TargetConditions = {}) {
  return {
    profile: win10_19041,
    seed: 3,
    runs: ramRuns(64 * MIB),
    cpuCount: 1,
    pageFileBytes: 256 * MIB,
    conditions,
    logicalSectorBytes: 512 as const,
    physicalSectorBytes: 4096 as const,
    debuggers: [],
    decoder: new IcedDecoder(),
    controller: ahci,
    image: new MemoryDiskImage(32 * 1024 * MIB),
    host: new MemoryHostFolder(),
    guestImages,
    hostNow: () => 0,
    hostTurn: async () => {},
  }
}
const factsOf = (state: object): Facts => Facts.parse(JSON.stringify(state, bigintAsHex), 'state')

const options = optionsOf()
const target = new SystemTarget(options)
for (const step of ['debuggers', 'crashDriver', 'pageFile'] as const) await target.prepare(step, signal)
await target.prepare('restart', signal)
await target.configure('mini', signal)
await target.crash(() => {}, signal)
const state = target.powerOff()
const json = JSON.stringify(state, bigintAsHex)

it('comes back from JSON as it was', () => {
  expect(state.system).toMatchObject({
    hasDump: true,
    crash: { bugcheck: { code: 0xe2 }, dump: { finalStatus: 0 } },
  })
  expect(poweredOffTargetOf(factsOf(state))).toEqual(state)
})

it('starts the same system twice', () => {
  const { system } = poweredOffTargetOf(factsOf(state))
  const started = [1, 2].map(() => {
    const again = new WindowsSystem(options, system)
    again.powerOn()
    const { volume, log, now, crashControl, running } = again
    const seen = { files: volume.files, events: log.events, now, machineCrash: crashControl.machineCrash }
    expect(running.foundDump?.path).toMatch(/DUMP/)
    return seen
  })
  expect(started[1]).toEqual(started[0])
})

it('takes no dump for one where the state says that there was none', () => {
  const { system } = poweredOffTargetOf(factsOf(state))
  const image = new MemoryDiskImage(options.image.byteLength)
  const page = new Uint8Array(64 * 1024)
  const file = system.volume.files.find(({ path }) => path === 'C:\\pagefile.sys')!
  const start = MIB + file.extents[0]!.partitionOffset
  options.image.read(start, page)
  image.write(start, [page])
  const again = new WindowsSystem({ ...options, image }, { ...system, hasDump: false, crash: null })
  again.powerOn()
  expect(again.running.foundDump).toBeNull()
  expect(again.running.pageFile?.extents).toEqual(file.extents)
})

it('has no kernel while it is off, and cannot be switched off twice', () => {
  const again = new WindowsSystem(options, poweredOffTargetOf(factsOf(state)).system)
  expect(() => again.running).toThrow('system is switched off')
  expect(() => again.powerOff(null)).toThrow('system is switched off')
})

/** Every place in a JSON value, as the keys that lead there. */
function placesOf(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...path, key]))]
}

function replaced(value: unknown, path: readonly (string | number)[], by: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return by
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) } // the path leads through objects only
  Reflect.set(copy, key, replaced(Reflect.get(copy, key), rest, by))
  return copy
}

const { partition } = new WindowsSystem(options, state.system).volume

it('names damage anywhere in it, or lives with it, and raises nothing else', () => {
  const whole: unknown = JSON.parse(json)
  const places = placesOf(whole)
  const bad = fc.oneof(
    fc.constantFrom(null, -1, 0, 0.5, 4096, 2 ** 53, 1e300, '', '0x', [], {}, true),
    fc.string(),
    fc.integer(),
  )
  fc.assert(
    fc.property(fc.nat(places.length - 1), bad, (index, by) => {
      const damaged = replaced(whole, places[index]!, by)
      try {
        const { system } = poweredOffTargetOf(Facts.parse(JSON.stringify(damaged), 'state'))
        const control = new CrashControl(new Registry(system.registry))
        for (const path of control.existingPageFiles) expect(typeof path).toBe('string')
        expect(control.pagingFiles.every(({ byteLength }) => byteLength >= 0)).toBe(true)
        const volume = new Volume(partition, options.seed, system.volume)
        expect(volume.freeBytes).toBeGreaterThanOrEqual(0)
        for (const { byteLength, extents } of volume.files) {
          const clusters = extents.reduce((sum, extent) => sum + extent.byteLength, 0)
          expect(clusters).toBe(Math.ceil(byteLength / 4096) * 4096)
        }
      } catch (error) {
        expect(error instanceof TargetError || error instanceof WindowsError, String(error)).toBe(true)
      }
    }),
    { numRuns: 1000 },
  )
})
