// SRB.DataBuffer of a write points to its data in mapped memory (DM-45): for a miniport that builds its own list of physical
// addresses, and for one that looks at what it writes.
import { gva } from '@dumpstack/bytes'
import { ScsiRequestBlock } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { portWith } from '../altered-miniport.ts'
import type { GuestBlock, MiniportImage, PortExports, ScatterGatherList } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { bad, changingConfig, dumpWith, PLAN } from './bad-miniports.test-support.ts'
import { BODY, bytesOfPlan, bytesOnDisk, run, testPlan } from './crash.test-support.ts'

/** Every other page: each lies apart from the one before. */
const SCATTERED = testPlan(Array.from({ length: 8 }, (_, i) => run(0x900 + 2 * i, 1)))

/** Walks DataBuffer with StorPortGetPhysicalAddress instead of asking for the port's list. */
function listByAddress(port: PortExports, extension: GuestBlock, block: GuestBlock): ScatterGatherList {
  const srb = ScsiRequestBlock.at(block.view)
  const pieces: { address: number; length: number }[] = []
  for (let done = 0; done < srb.dataTransferLength; ) {
    const piece = port.getPhysicalAddress(extension, block, gva(srb.dataBuffer + BigInt(done)))
    if (piece === null) throw new Error(`nothing is mapped at ${srb.dataBuffer} + ${done}`)
    const length = Math.min(piece.length, srb.dataTransferLength - done)
    pieces.push({ address: piece.gpa, length })
    done += length
  }
  return {
    va: block.va,
    numberOfElements: pieces.length,
    physicalAddress: (index) => pieces[index]!.address as ReturnType<ScatterGatherList['physicalAddress']>,
    length: (index) => pieces[index]!.length,
  }
}

const byAddress = (image: MiniportImage): MiniportImage => ({
  ...image,
  load: (loaded) => (port, driverObject, registryPath) =>
    image.load(loaded)(
      portWith(port, {
        getScatterGatherList: (extension, block) => listByAddress(port, extension, block),
      }),
      driverObject,
      registryPath,
    ),
})

it.each([0x10000, 0x4000, 0x1000])(
  'gives each write of at most 0x%s bytes a buffer with physical addresses, while running too',
  (maximumTransferLength) => {
    const small = bad(
      changingConfig((config) => {
        config.maximumTransferLength = maximumTransferLength
      }),
    )
    const { crashed, report } = dumpWith(byAddress(small), {
      runtimeMiniport: byAddress(storahci),
      inFlight: (runtime) => {
        runtime.write(0x8000, (BODY[1]!.basePage * 4096) as never, 0x3000)
        runtime.drain()
      },
    })
    expect(report).toMatchObject({ finalStatus: 0, violations: [] })
    expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).toBe(0)
    const written = new Uint8Array(0x3000)
    crashed.image.read(0x8000, written)
    expect(
      Buffer.compare(written, crashed.machine.ram.span((BODY[1]!.basePage * 4096) as never, 0x3000)),
    ).toBe(0)
  },
)

it('shows the bytes of each write, page by page, and nothing once it is over', () => {
  const afterwards: unknown[] = []
  let shown = 0
  let last = 0n
  const { crashed, report } = dumpWith(
    bad((data, { port }) => ({
      hwBuildIo: (extension, block) => {
        const srb = ScsiRequestBlock.at(block.view)
        if (srb.cdb[0] === 0x2a) {
          last = srb.dataBuffer
          const list = port.getScatterGatherList(extension, block)!
          const first = port.dereference(gva(last), 0x1000)
          expect(first.gpa).toBe(list.physicalAddress(0))
          shown++
        } else if (last !== 0n) afterwards.push(port.getPhysicalAddress(extension, block, gva(last)))
        return data.hwBuildIo!(extension, block)
      },
    })),
  )
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  expect(shown).toBeGreaterThan(30)
  expect(afterwards).toEqual([null, null]) // SYNCHRONIZE CACHE and SHUTDOWN
  expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).toBe(0)
})

it('takes data above 4 GiB through the common buffer where the controller does not reach it, shows it there too', () => {
  const seen: number[] = []
  const narrow = bad((data, context) => ({
    ...changingConfig((config) => {
      config.dma64BitAddresses = 0x80
    })(data, context),
    hwBuildIo: (extension, block) => {
      const srb = ScsiRequestBlock.at(block.view)
      if (srb.cdb[0] === 0x2a) {
        const shown = context.port.getPhysicalAddress(extension, block, gva(srb.dataBuffer))!
        expect(shown.gpa).toBe(context.port.getScatterGatherList(extension, block)!.physicalAddress(0))
        seen.push(shown.gpa, srb.dataTransferLength)
      }
      return data.hwBuildIo!(extension, block)
    },
  }))
  const { crashed, report } = dumpWith(narrow)
  expect(report).toMatchObject({ finalStatus: 0, violations: [] })
  expect(seen.length).toBeGreaterThan(60)
  expect(Math.max(...seen)).toBeLessThan(2 ** 32)
  expect(Buffer.compare(bytesOnDisk(crashed, PLAN.byteLength), bytesOfPlan(crashed, PLAN))).toBe(0)
})

it('faults past the end of the data, and says what it cannot show', () => {
  const reading = (byteLength: number): MiniportImage =>
    bad((data, { port }) => ({
      hwStartIo: (extension, block) => {
        const srb = ScsiRequestBlock.at(block.view)
        if (srb.cdb[0] === 0x2a) port.dereference(gva(srb.dataBuffer), byteLength)
        return data.hwStartIo(extension, block)
      },
    }))
  const { report } = dumpWith(reading(0x100001))
  expect(report.secondBugcheck?.code).toBe(0xd1)
  const scattered = dumpWith(
    bad((data, { port }) => ({
      hwStartIo: (extension, block) => {
        const { cdb, dataBuffer, dataTransferLength } = ScsiRequestBlock.at(block.view)
        const list = cdb[0] === 0x2a ? port.getScatterGatherList(extension, block) : null
        if (list !== null && list.numberOfElements > 1) port.dereference(gva(dataBuffer), dataTransferLength)
        return data.hwStartIo(extension, block)
      },
    })),
    { plan: SCATTERED },
  )
  expect(scattered.report).toMatchObject({
    finalStatus: 0xc00000bb,
    failure: expect.stringMatching(/over pages that lie apart in RAM, which is not modelled/),
  })
})
