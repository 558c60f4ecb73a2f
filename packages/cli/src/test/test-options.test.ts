import { Facts } from '@dumpstack/target'
import { expect, it } from 'vitest'
import { parsePageFileSize, parseSize } from '../options/sizes.ts'
import { type GivenTestOptions, optionsOf, planOf, planTest, reproOf } from './test-options.ts'

const given: GivenTestOptions = {
  dumps: ['full', 'kernel'],
  ram: 1073094656,
  cpus: 4,
  controller: 'ahci',
  seed: 1,
}
const plan = (change: Partial<GivenTestOptions> = {}): ReturnType<typeof planTest> =>
  planTest({ ...given, ...change }, parsePageFileSize('mem+257'))

it.each([
  ['512M', 512 * 2 ** 20],
  ['1g', 2 ** 30],
  ['1073094656B', 1073094656],
  ['64K', 65536],
])('reads the size %s', (text, bytes) => {
  expect(parseSize(text)).toBe(bytes)
})

it.each(['', '512', 'M', '-1M', '1.5G', '0x10B', '99999999999999G', '1 M'])('refuses the size %j', (text) => {
  expect(() => parseSize(text)).toThrow('Expected a size')
})

it.each([
  ['1025', 1025 * 2 ** 20],
  ['mem+1', 1025 * 2 ** 20],
  ['MEM+257', 1281 * 2 ** 20],
  ['1074143232B', 1074143232],
  ['2G', 2 ** 31],
])('reads the page file size %s for 1073094656 bytes of RAM', (text, bytes) => {
  expect(plan({ pagefile: parsePageFileSize(text) }).pageFileBytes).toBe(bytes)
})

it('gives a page file of RAM and 257 MB where none is asked for', () => {
  expect(plan().pageFileBytes).toBe((1024 + 257) * 2 ** 20)
  expect(plan({ ram: 512 * 2 ** 20 }).pageFileBytes).toBe(769 * 2 ** 20)
})

it.each([
  [{ ram: 2 ** 20 }, '--ram is 1048576 bytes, expected from 64M to 64G'],
  [{ ram: 2 ** 30 + 1 }, '--ram is 1073741825 bytes, expected a multiple of the page size 4096'],
  [{ pagefile: () => 0 }, '--pagefile is 0 bytes, expected a page file'],
  [{ pagefile: () => 64 * 2 ** 30 }, '--pagefile is 68719476736 bytes, at most 34091302912 of the disk'],
])('refuses %j', (change, reason) => {
  expect(() => plan(change)).toThrow(reason)
})

it('refuses a controller that this Windows has no driver for, and says why', () => {
  expect(plan({ controller: 'virtio-blk' }).controller).toBe('virtio-blk')
  expect(() => plan({ controller: 'buslogic' })).toThrow(
    /^--controller buslogic: controller buslogic does not go with win10-19041: vmscsi.sys is a 32-bit driver .*; expected ahci or nvme or virtio-blk$/,
  )
  expect(() => plan({ controller: 'floppy' })).toThrow(
    'no such controller is known; expected ahci or nvme or virtio-blk',
  )
})

it.each([64 * 2 ** 20, 512 * 2 ** 20, 2 ** 30, 32 * 2 ** 30, 64 * 2 ** 30])(
  'makes a disk that holds the default page file, the dumps and 20 GB for RAM of %d bytes',
  (ram) => {
    const { diskBytes, pageFileBytes } = plan({ ram })
    expect(diskBytes).toBeGreaterThanOrEqual(64 * 2 ** 30)
    expect(diskBytes - pageFileBytes - 2 * ram).toBeGreaterThan(20 * 2 ** 30)
  },
)

it('takes settings of the controller, the sectors and the size of the disk, and names them in the command', () => {
  const made = plan({ device: { slots: 8, msi: 'on' }, sector: '4Kn', diskSize: 2 ** 37 })
  expect(made).toMatchObject({ settings: { slots: 8 }, sector: '4Kn', diskBytes: 2 ** 37 })
  expect(reproOf(made)).toContain(' --device slots=8 --sector 4Kn --disk-size 128G ')
  expect(reproOf(plan())).not.toMatch(/--device|--sector|--disk-size/)
  expect(planOf(Facts.parse(JSON.stringify(optionsOf(made)), 'state'))).toEqual(made)
})

it.each([
  [{ slots: 33 }, '--device: setting slots is 33 for ahci, expected 1 to 32'],
  [{ queueSize: 8 }, /^--device: setting queueSize is unknown, expected one of ahci: /],
])('refuses the settings %o', (device, message) => {
  expect(() => plan({ device })).toThrow(message)
})
