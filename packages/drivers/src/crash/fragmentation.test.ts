// Whatever the shape of page file, memory and limits: joined over the page file's extents, the disk holds the plan's bytes, and
// nothing else on the disk was touched.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { PageFileExtent } from '../dump-stack.ts'
import { bad, changingConfig } from './bad-miniports.test-support.ts'
import {
  bytesOfPlan,
  bytesOnDisk,
  crash,
  PARTITION_OFFSET,
  run,
  testPlan,
  writeDump,
} from './crash.test-support.ts'

const PAGE = 4096
const SLOT_PAGES = 64

/** Extents of 1 to 64 pages, one in each slot of 64 pages, the slots in any order. */
const pageFiles = fc
  .tuple(
    fc.array(fc.integer({ min: 1, max: SLOT_PAGES }), { minLength: 14, maxLength: 40 }),
    fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
  )
  .map(([lengths, order]) => {
    const slots = lengths.map((_, slot) => ({ slot, key: order.next().value }))
    slots.sort((a, b) => Number(a.key) - Number(b.key))
    let fileOffset = 0
    return lengths.map((pages, index): PageFileExtent => {
      const extent = {
        fileOffset,
        partitionOffset: slots[index]!.slot * SLOT_PAGES * PAGE,
        byteLength: pages * PAGE,
      }
      fileOffset += extent.byteLength
      return extent
    })
  })
/** Runs of memory, ascending, below and above 4 GiB. */
const memory = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 0, max: 3 })), {
    minLength: 1,
    maxLength: 30,
  })
  .map((pieces) => {
    const runs = []
    let page = 0x900
    for (const [count, gap] of pieces) {
      runs.push(run(page, count))
      page += count + gap
    }
    runs.push(run(0x100000, 7))
    return runs
  })

it('keeps every byte of the plan at its place', () => {
  fc.assert(
    fc.property(
      pageFiles,
      memory,
      fc.constantFrom(0x1000, 0x3000, 0x10000, 0x20000),
      fc.constantFrom(2, 5, 17, 33),
      (extents, runs, maximumTransferLength, numberOfPhysicalBreaks) => {
        const miniport = bad(
          changingConfig((config) => {
            config.maximumTransferLength = maximumTransferLength
            config.numberOfPhysicalBreaks = numberOfPhysicalBreaks
          }),
        )
        const crashed = crash({ extents, miniport })
        const plan = testPlan(runs)
        const room = extents.reduce((sum, extent) => sum + extent.byteLength, 0)
        const report = writeDump(crashed.stack, plan)
        if (room < plan.byteLength) {
          expect(report).toMatchObject({ finalStatus: 0xc000007f, bytesWritten: room })
          return
        }
        expect(report.finalStatus).toBe(0)
        expect(report.bytesWritten).toBe(plan.byteLength)
        const onDisk = bytesOnDisk(crashed, plan.byteLength, extents)
        expect(Buffer.compare(onDisk, bytesOfPlan(crashed, plan))).toBe(0)
        const limit = Math.min(maximumTransferLength, (numberOfPhysicalBreaks - 1) * PAGE, 0x10000)
        const { dmaLog } = crashed.machine.evidence
        for (let i = 0; i < dmaLog.length; i++) {
          const { direction, diskOffset, byteLength } = dmaLog.at(i)
          if (direction !== 'toDisk') continue
          expect(byteLength).toBeLessThanOrEqual(limit)
          const at = diskOffset - PARTITION_OFFSET
          const holder = extents.find(
            (e) => at >= e.partitionOffset && at < e.partitionOffset + e.byteLength,
          )!
          expect(at + byteLength).toBeLessThanOrEqual(holder.partitionOffset + holder.byteLength)
        }
      },
    ),
    { numRuns: 20 },
  )
})
