// Physical addresses that reach 32 GiB make a bitmap of 1 MiB: with the header it outgrows the extra megabyte that the
// size check asks for. The check accepts the page file, the dump is cut off and says so, and the examination fails it.

import { PAGE_SIZE, pagesInRuns, pfn } from '@dumpstack/bytes'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { examineDump } from '@dumpstack/crashtest'
import { openDump } from '@dumpstack/dumpfile'
import { ahci, MemoryDiskImage } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { MemoryHostFolder, SystemTarget } from '@dumpstack/windows'
import { readGuestImages } from '@dumpstack/windows/node'
import { expect, it } from 'vitest'

const MIB = 1024 * 1024
const END_OF_32_GIB = (32 * 1024 * MIB) / PAGE_SIZE
const signal = new AbortController().signal

it('a full dump whose bitmap outgrows the extra megabyte is truncated, marked and failed', async () => {
  const runs = [
    { basePage: pfn(1), pageCount: 0x9f },
    { basePage: pfn(0x100), pageCount: 0x4000 },
    { basePage: pfn(END_OF_32_GIB - 0x1000), pageCount: 0x1000 },
  ]
  const ramBytes = pagesInRuns(runs) * PAGE_SIZE
  const target = new SystemTarget({
    profile: win10_19041,
    seed: 3,
    runs,
    cpuCount: 1,
    pageFileBytes: ramBytes + MIB,
    conditions: {},
    controller: ahci,
    logicalSectorBytes: 512,
    physicalSectorBytes: 4096,
    image: new MemoryDiskImage(32 * 1024 * MIB),
    host: new MemoryHostFolder(),
    guestImages: readGuestImages(win10_19041),
    debuggers: [],
    decoder: new IcedDecoder(),
    hostNow: () => 0,
    hostTurn: async () => {},
  })
  for (const step of ['debuggers', 'crashDriver', 'pageFile', 'restart'] as const) {
    await target.prepare(step, signal)
  }
  await target.configure('full', signal)
  const crash = await target.crash(() => {}, signal)
  await target.awaitRestart(30 * 60_000, () => {}, signal)
  expect((await target.evidence()).events.map((event) => event.id)).not.toContain(49)

  const opened = await target.openDump()
  expect(opened.source.byteLength).toBe(ramBytes + MIB)
  expect(Number(openDump(opened.source).header.requiredDumpSpace)).toBeGreaterThan(ramBytes + MIB)
  // DUMP_FILE_ATTRIBUTES at 0x1050 of the header, bit 2: InsufficientDumpfileSize.
  const attributes = new Uint8Array(1)
  opened.source.read(0x1050, attributes)
  expect(attributes[0]! & 4).toBe(4)

  const evidence = await target.evidence()
  const examining = examineDump({
    type: 'full',
    opened,
    known: { crash, evidence, kept: null, crashIsSaid: true },
    debugged: [],
  })
  let step = examining.next()
  while (step.done !== true) step = examining.next()
  expect(step.value.examination.verdict).toBe('fail')
  expect(step.value.examination.truth?.missing).toBeGreaterThan(0)
  target.close()
})
