// Faults that no part of the system reports. Only the judge sees them, because it does not ask the part that is broken.
import { gva, type PageSet } from '@dumpstack/bytes'
import { type GuestBlock, type KernelServices, type PortExports, storahci } from '@dumpstack/drivers'
import { FileDiskImage } from '@dumpstack/machine/node'
import { PortConfigurationInformation, SCSI_DMA64_MINIPORT_SUPPORTED } from '@dumpstack/nt'
import { afterAll, afterEach, expect, it, vi } from 'vitest'
import { newWalk, removeFolders } from './walk.ts'
import { testSystem } from './whole-test.ts'

const KUSER_SHARED_DATA = gva(0xfffff78000000000n)

/** Pages that the kernel promises in a kernel dump beside those that it should. */
const promises = vi.hoisted(() => ({ besides: 0 }))
vi.mock('@dumpstack/drivers', async (original) => {
  const drivers = await original<typeof import('@dumpstack/drivers')>()
  const startRuntimeStack: typeof drivers.startRuntimeStack = (options) => {
    const kernel: KernelServices & { promised?: (dump: 'full' | 'kernel') => PageSet } = options.kernel
    const promised = kernel.promised!.bind(kernel)
    kernel.promised = (dump) => {
      const pages = promised(dump)
      const others = [...promised('full').runs(1)].filter(({ basePage }) => !pages.has(basePage))
      for (const { basePage } of others.slice(0, promises.besides)) pages.add(basePage)
      return pages
    }
    return drivers.startRuntimeStack(options)
  }
  return { ...drivers, startRuntimeStack }
})

afterEach(() => {
  vi.restoreAllMocks()
  promises.besides = 0
})
afterAll(removeFolders)

/** The checks that fail in the test of a kernel dump, with what they say. */
async function failures(): Promise<Record<string, string>> {
  const { verdict, events } = await testSystem(newWalk(), ['kernel'])
  const examined = events.filter((event) => event.kind === 'examined')
  expect(examined).toHaveLength(1)
  expect(verdict).toBe(examined[0]!.examination.verdict)
  const failed = examined[0]!.examination.checks.filter((check) => check.verdict !== 'pass')
  return Object.fromEntries(failed.map(({ id, message }) => [id, message]))
}

/** Lets the dump instance of storahci do something more in HwInitialize. */
function inDumpInitialize(action: (port: PortExports) => void): void {
  const load = storahci.load.bind(storahci)
  vi.spyOn(storahci, 'load').mockImplementation((image) => {
    const driverEntry = load(image)
    return (port, driverObject, registryPath) => {
      const initialize = port.initialize.bind(port)
      if (driverObject === null) {
        port.initialize = (object, path, data) =>
          initialize(object, path, {
            ...data,
            hwInitialize: (extension) => {
              action(port)
              return data.hwInitialize(extension)
            },
          })
      }
      return driverEntry(port, driverObject, registryPath)
    }
  })
}

/** Lets the dump instance of storahci leave the HBA as it found it until the first SRB, 20 ms later. */
function resetLate(): void {
  const load = storahci.load.bind(storahci)
  vi.spyOn(storahci, 'load').mockImplementation((image) => {
    const driverEntry = load(image)
    return (port, driverObject, registryPath) => {
      if (driverObject !== null) return driverEntry(port, driverObject, registryPath)
      const initialize = port.initialize.bind(port)
      const getUncachedExtension = port.getUncachedExtension.bind(port)
      let uncached: GuestBlock | null = null
      let start: (() => void) | null = null
      port.getUncachedExtension = () => uncached
      port.initialize = (object, path, data) =>
        initialize(object, path, {
          ...data,
          hwFindAdapter: (extension, context, bus, argument, config) => {
            uncached = getUncachedExtension(extension, config, 0x2000)
            const limits = PortConfigurationInformation.at(config.view)
            limits.maximumTransferLength = 0x10000
            limits.numberOfPhysicalBreaks = 0x11
            limits.dma64BitAddresses |= SCSI_DMA64_MINIPORT_SUPPORTED
            start = () => {
              port.stallExecution(20_000)
              data.hwFindAdapter(extension, context, bus, argument, config)
              data.hwInitialize(extension)
            }
            return 1
          },
          hwInitialize: () => true,
          hwInterrupt: (extension) => start === null && data.hwInterrupt(extension),
          hwBuildIo: (extension, srb) => {
            start?.()
            start = null
            return data.hwBuildIo!(extension, srb)
          },
        })
      return driverEntry(port, driverObject, registryPath)
    }
  })
}

it('finds nothing wrong where nothing is', async () => {
  expect(await failures()).toEqual({})
})

it('a miniport that destroys memory of the kernel fails', async () => {
  inDumpInitialize((port) => {
    const { view } = port.dereference(KUSER_SHARED_DATA, 4096)
    new Uint8Array(view.buffer, view.byteOffset, view.byteLength).fill(0xee)
  })
  expect(await failures()).toEqual({
    truth: expect.stringMatching(/^1 page of \d+ compared differs from RAM at the crash: pfn /),
    changedByDumpPath: expect.stringMatching(
      /^1 page that is not of the dump path changed after the crash: pfn 0x[0-9a-f]+$/,
    ),
  })
})

it('a disk that carries out a write after all that its controller dropped fails', async () => {
  const write = FileDiskImage.prototype.write
  let next = 0
  // memory of the dump path is filled alike
  let isDump = false
  vi.spyOn(FileDiskImage.prototype, 'write').mockImplementation(function (
    this: FileDiskImage,
    offset,
    parts,
  ) {
    write.call(this, offset, parts)
    const first = Buffer.from(parts[0]!.subarray(0, 8)).toString('latin1')
    if (first === 'PAGEDU64') {
      isDump = true
      write.call(this, next + 0x1ff00, [new Uint8Array(8).fill(0x5a)])
    } else if (first === '\xa5'.repeat(8) && !isDump) next = offset + 0x10000 // after the last write that completed
  })
  expect(await failures()).toEqual({
    inFlight: expect.stringMatching(
      /^1 of 8 commands in flight at the crash never completed and changed the disk all the same, at disk offset 0x[0-9a-f]+$/,
    ),
  })
})

it('a kernel dump that a wrong promise filled with user pages or free pages fails', async () => {
  promises.besides = 16
  expect(await failures()).toEqual({
    unpromisedPages: expect.stringMatching(/^16 pages beside the \d+ promised: pfn /),
  })
})

it('a miniport that lets commands of the dead system go on fails, whether they write the disk or RAM', async () => {
  resetLate()
  expect(await failures()).toEqual({
    dumpMode: expect.stringMatching(
      /^1 violation: DM-29 .*0x10000 bytes from physical address 0x[0-9a-f]+ went to disk offset 0x[0-9a-f]+: .* \(8 times\)$/,
    ),
    // the buffer of the reads, and the page where the HBA receives the status of its commands
    truth: expect.stringMatching(/^17 pages of \d+ compared differ from RAM at the crash: pfn /),
    changedByDumpPath: expect.stringMatching(
      /^17 pages that are not of the dump path changed after the crash: /,
    ),
  })
})
