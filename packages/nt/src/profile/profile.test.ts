import { expect, it } from 'vitest'
import { controllerDrivers, win10_19041 } from './index.ts'

// covers: STACK-6, STACK-8, STACK-19
it('names the images of both loads as real minidumps of build 19041 do', () => {
  const drivers = controllerDrivers(win10_19041, 'ahci')
  expect(drivers.firstLoad.map((image) => image.baseName)).toEqual([
    'dump_storport.sys',
    'dump_storahci.sys',
    'dump_dumpfve.sys',
  ])
  expect(drivers.secondLoad.map((image) => image.baseName)).toEqual([
    'dump_dumpstorport.sys',
    'dump_storahci.sys',
    'dump_dumpfve.sys',
  ])
})

it('gives virtio-blk the third party driver, in both loads', () => {
  const drivers = controllerDrivers(win10_19041, 'virtio-blk')
  expect(drivers.miniport).toBe('viostor.sys')
  expect(drivers.secondLoad.map((image) => image.baseName)).toContain('dump_viostor.sys')
})

// covers: STACK-17
it('refuses a pair that never existed and says why', () => {
  expect(() => controllerDrivers(win10_19041, 'buslogic')).toThrow(
    /^controller buslogic does not go with win10-19041: vmscsi.sys is a 32-bit driver of the Windows 2000 to 2003 era$/,
  )
  expect(() => controllerDrivers(win10_19041, 'floppy')).toThrow(/no such controller is known/)
})
