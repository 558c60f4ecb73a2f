// Debian's kernel drives our controllers: by messages and by their line, with full queues, until it switches the computer off.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FileDiskImage } from '@dumpstack/machine/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu } from '../conformance/qtest.ts'
import { ROWS } from './controllers.ts'
import { BUSYBOX, hasDebian, kernel, moduleFiles, NEEDS } from './debian.ts'
import { initramfs } from './initramfs.ts'
import { runPc } from './qemu-pc.ts'

const MIB = 2 ** 20
const DISK_BYTES = 32 * MIB
const COPIED_BYTES = 4 * MIB
/** Where init.sh writes them, by messages and by the line. */
const COPIES = [8 * MIB, 16 * MIB]
const RAM_BYTES = 256 * MIB
/** Requests come faster than they end, so that they queue. */
const LATENCY_NS = 5e6
/** Interrupts: firmware polls, and one may be for all that has ended. */
const MANY = 30
const content = Buffer.from(Uint32Array.from({ length: COPIED_BYTES / 4 }, (_, i) => i * 0x9e3779b1).buffer)

describe.skipIf(!hasQemu() || !hasDebian())(`Linux (${NEEDS})`, () => {
  let folder = ''
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-linux-'))
  })
  afterAll(() => fs.rmSync(folder, { recursive: true }))

  it.each(ROWS)(
    'copies 4 MiB of $model.kind by $messages and by INTx, queues full',
    async (row) => {
      const file = path.join(folder, `${row.model.kind}.img`)
      const image = FileDiskImage.create(file, DISK_BYTES)
      image.write(0, [content])
      image.close()
      const archive = path.join(folder, `${row.model.kind}.cpio`)
      fs.writeFileSync(archive, firstFileSystem(row.modules))
      const words = ['console=ttyS0', 'quiet', 'panic=-1', 'mitigations=off', 'random.trust_cpu=on']
      const { console, proxy } = await runPc({
        row,
        image: file,
        ramBytes: RAM_BYTES,
        qemu: [
          '-serial',
          'chardev:console',
          '-kernel',
          kernel(),
          '-initrd',
          archive,
          '-append',
          words.join(' '),
        ],
        until: null,
        timeoutMs: 150_000,
        prepare: ({ machine }) =>
          machine.faults.add({ controller: row.model.kind, kind: 'latency', nanoseconds: LATENCY_NS }),
      })
      expect(console.match(/COPIED by \w+|FAILED.*/g), console).toEqual([
        'COPIED by messages',
        'COPIED by line',
      ])
      const disk = fs.readFileSync(file)
      for (const at of COPIES) expect(disk.subarray(at, at + COPIED_BYTES).equals(content)).toBe(true)
      expect(proxy.machine.disks[0]!.isCacheDirty).toBe(false)
      expect(proxy.seen.maxInFlight).toBeGreaterThanOrEqual(row.queueDepth)
      expect(proxy.seen.messages).toBeGreaterThan(MANY)
      expect(proxy.seen.lineRises).toBeGreaterThan(MANY)
      const { stops, refusals, notModelled } = proxy.machine.evidence
      expect({ stops, refusals }).toEqual({ stops: [], refusals: [] })
      expect(notModelled.map(({ register }) => register)).toEqual(row.notModelled)
    },
    160_000,
  )
})

function firstFileSystem(modules: readonly string[]): Buffer {
  const files = moduleFiles(modules)
  const order = files.map((file) => path.basename(file)).join('\n')
  return initramfs([
    ...['bin', 'dev', 'modules', 'proc', 'sys'].map((name) => [name, 'folder'] as const),
    ['bin/busybox', fs.readFileSync(BUSYBOX)],
    ['init', fs.readFileSync(fileURLToPath(new URL('init.sh', import.meta.url)))],
    ['modules/order', Buffer.from(order)],
    ...files.map((file) => [`modules/${path.basename(file)}`, fs.readFileSync(file)] as const),
  ])
}
