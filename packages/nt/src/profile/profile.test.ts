import { expect, it } from 'vitest'
import { controllerDrivers, win10_19041 } from './index.ts'

// covers: STACK-6, STACK-8, STACK-9, STACK-19
it('names the images as listings of Windows 10 do: the port by the module that it replaces and by its file', () => {
  const { images } = controllerDrivers(win10_19041, 'ahci')
  expect(images.map(({ baseName, fullName }) => [baseName, fullName])).toEqual([
    ['dump_storport.sys', '\\SystemRoot\\System32\\Drivers\\dump_diskdump.sys'],
    ['dump_storahci.sys', '\\SystemRoot\\System32\\drivers\\dump_storahci.sys'],
    ['dump_dumpfve.sys', '\\SystemRoot\\System32\\Drivers\\dump_dumpfve.sys'],
  ])
})

// covers: STACK-9
it('names the images as real minidumps with an NVMe disk do', () => {
  const { images } = controllerDrivers(win10_19041, 'nvme')
  expect(images.map(({ baseName, fullName }) => [baseName, fullName])).toEqual([
    ['dump_storport.sys', '\\SystemRoot\\System32\\Drivers\\dump_dumpstorport.sys'],
    ['dump_stornvme.sys', '\\SystemRoot\\System32\\drivers\\dump_stornvme.sys'],
    ['dump_dumpfve.sys', '\\SystemRoot\\System32\\Drivers\\dump_dumpfve.sys'],
  ])
})

it('gives virtio-blk the third party driver', () => {
  const drivers = controllerDrivers(win10_19041, 'virtio-blk')
  expect(drivers.miniport).toBe('viostor.sys')
  expect(drivers.images.map((image) => image.baseName)).toContain('dump_viostor.sys')
})

// covers: STACK-17
it('refuses a pair that never existed and says why', () => {
  expect(() => controllerDrivers(win10_19041, 'buslogic')).toThrow(
    /^controller buslogic does not go with win10-19041: vmscsi.sys is a 32-bit driver of the Windows 2000 to 2003 era$/,
  )
  expect(() => controllerDrivers(win10_19041, 'floppy')).toThrow(/no such controller is known/)
})
