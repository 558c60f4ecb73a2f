import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MachineError } from '../errors.ts'
import { FileDiskImage } from '../node/file-disk-image.ts'
import type { DiskImage } from './disk.ts'
import { createDisk } from './disk.ts'
import { MemoryDiskImage } from './memory-image.ts'

const BYTES = 3 * 2 ** 20 + 4096
let folder = ''
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dumpstack-image-'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

const make: Record<string, () => DiskImage> = {
  MemoryDiskImage: () => new MemoryDiskImage(BYTES),
  FileDiskImage: () => FileDiskImage.create(path.join(folder, `${fs.readdirSync(folder).length}.img`), BYTES),
}

describe.each(Object.keys(make))('%s', (kind) => {
  it('reads what gathered writes left, zeros elsewhere, like a plain array', () => {
    const write = fc.record({
      offset: fc.integer({ min: 0, max: BYTES - 4000 }),
      parts: fc.array(fc.uint8Array({ maxLength: 900 }), { minLength: 1, maxLength: 4 }),
    })
    const image = make[kind]!()
    const model = new Uint8Array(BYTES)
    fc.assert(
      fc.property(
        fc.array(write, { maxLength: 10 }),
        fc.integer({ min: 0, max: BYTES - 5000 }),
        (writes, at) => {
          for (const { offset, parts } of writes) {
            image.write(offset, parts)
            model.set(Buffer.concat(parts), offset)
            const back = new Uint8Array(4000)
            image.read(offset, back)
            expect(Buffer.compare(back, model.subarray(offset, offset + 4000))).toBe(0)
          }
          const back = new Uint8Array(5000)
          image.read(at, back)
          expect(Buffer.compare(back, model.subarray(at, at + 5000))).toBe(0)
        },
      ),
    )
    image.close()
  })

  it.each([
    [-1, 1],
    [BYTES - 1, 2],
    [Number.NaN, 1],
    [0.5, 1],
  ])('refuses bytes outside: %d, %d', (offset, length) => {
    const image = make[kind]!()
    expect(() => image.write(offset, [new Uint8Array(length)])).toThrow(MachineError)
    expect(() => image.read(offset, new Uint8Array(length))).toThrow(MachineError)
    image.close()
  })
})

describe('FileDiskImage', () => {
  it.skipIf(process.platform === 'win32')('takes no room for what was never written', () => {
    const file = path.join(folder, 'big.img')
    const image = FileDiskImage.create(file, 64 * 2 ** 30)
    image.write(63 * 2 ** 30, [Uint8Array.of(1, 2), Uint8Array.of(3)])
    image.sync()
    image.close()
    const stat = fs.statSync(file)
    expect(stat.size).toBe(64 * 2 ** 30)
    expect(stat.blocks * 512).toBeLessThan(2 ** 20)
    const again = FileDiskImage.open(file)
    const back = new Uint8Array(4)
    again.read(63 * 2 ** 30, back)
    expect([...back]).toEqual([1, 2, 3, 0])
    expect(again.byteLength).toBe(64 * 2 ** 30)
    again.close()
  })

  it('does not overwrite a file, and says which file it could not open', () => {
    const file = path.join(folder, 'there.img')
    fs.writeFileSync(file, 'kept')
    expect(() => FileDiskImage.create(file, BYTES)).toThrow(/there\.img cannot be created: EEXIST/)
    expect(fs.readFileSync(file, 'utf8')).toBe('kept')
    expect(() => FileDiskImage.open(path.join(folder, 'none.img'))).toThrow(
      /none\.img cannot be opened: ENOENT/,
    )
  })

  it('syncs at a FLUSH only when it was made durable', () => {
    for (const durable of [false, true]) {
      const image = FileDiskImage.create(path.join(folder, `${durable}.img`), BYTES, { durable })
      let synced = 0
      const sync = image.sync.bind(image)
      image.sync = () => {
        synced++
        sync()
      }
      const disk = createDisk({ name: 'd', model: 'm', serialNumber: 's', logicalSectorBytes: 512, image })
      expect(disk.image.durable).toBe(durable)
      ;(disk as unknown as { flush(): void }).flush() // what the ATA device calls
      expect(synced).toBe(durable ? 1 : 0)
      expect(disk.flushCount).toBe(1)
      image.close()
    }
  })
})

it.each([
  ['sectors of 520 bytes', { logicalSectorBytes: 520 }],
  ['no physical sector', { image: new MemoryDiskImage(512) }],
  ['half a physical sector', { image: new MemoryDiskImage(4096 + 512) }],
  ['a model that is too long', { model: 'm'.repeat(41) }],
  ['a serial number outside ASCII', { serialNumber: 'é' }],
])('a disk with %s is refused', (_, wrong) => {
  const image = new MemoryDiskImage(BYTES)
  const good = { name: 'd', model: 'm', serialNumber: 's', logicalSectorBytes: 512, image }
  expect(() => createDisk({ ...good, ...wrong })).toThrow(MachineError)
})
