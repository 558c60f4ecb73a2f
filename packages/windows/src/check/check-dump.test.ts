import { describe, expect, it } from 'vitest'
import { capacityFault, diskLayout } from './check-dump.ts'
import { type LifeSettings, systemSettings } from './settings.ts'

const layoutOf = (life: LifeSettings) => diskLayout(systemSettings(life), 1, 0x100000)
const TERABYTE = 2 ** 40

describe('the size of the disk, as the driver says it', () => {
  it('may be that of the disk, or less where the page file still lies on it', () => {
    const plain = layoutOf({})
    const { byteLength } = plain
    expect(capacityFault({ sectorBytes: 512, sectorCount: byteLength / 512 }, plain)).toBeNull()
    expect(capacityFault({ sectorBytes: 4096, sectorCount: byteLength / 4096 }, plain)).toBeNull()
    expect(capacityFault({ sectorBytes: 512, sectorCount: byteLength / 512 - 8 }, plain)).toBeNull()
  })

  it('is not more: 512-byte sectors are no blocks of a 4Kn disk', () => {
    const layout = layoutOf({ sector: '4Kn' })
    expect(capacityFault({ sectorBytes: 4096, sectorCount: layout.byteLength / 512 }, layout)).toEqual({
      message:
        'READ CAPACITY was answered with 0x20000 blocks of 0x1000 bytes, expected at most the 0x4000000 bytes that the disk has',
      leavesNoPlace: false,
    })
  })

  it('is not less than where the page file ends, as 32 bits of a larger number are', () => {
    const layout = layoutOf({ pageFile: 'beyond-2^32', diskSize: 3 * TERABYTE })
    const sectorCount = layout.byteLength / 512
    expect(capacityFault({ sectorBytes: 512, sectorCount: sectorCount % 2 ** 32 }, layout)).toEqual({
      message: expect.stringMatching(/expected at least 0x[0-9a-f]+ bytes, where the page file ends/),
      leavesNoPlace: true,
    })
    // a driver that knows READ CAPACITY (10) only
    expect(capacityFault({ sectorBytes: 512, sectorCount: 2 ** 32 }, layout)).toBeNull()
  })
})
