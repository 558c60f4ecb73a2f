import { describe, expect, it } from 'vitest'
import { CrashControl } from './crash-control.ts'
import { Registry } from './registry.ts'

describe('the registry', () => {
  it('finds keys and values without regard to case and keeps the written names', () => {
    const registry = new Registry()
    registry.create('HKLM\\System\\Select').set('Current', { type: 'REG_DWORD', data: 1 })
    const key = registry.open('hklm\\SYSTEM\\select')
    expect(key?.dword('CURRENT')).toBe(1)
    expect([...(key?.values.keys() ?? [])]).toEqual(['Current'])
    expect(registry.open('HKLM\\Absent\\Select')).toBeNull()
  })

  it('names a value of the wrong type', () => {
    const key = new Registry().create('HKLM\\a')
    key.set('Size', { type: 'REG_SZ', data: '1' })
    expect(() => key.dword('Size')).toThrow('registry value a\\Size is REG_SZ, expected REG_DWORD')
  })

  it('loses volatile keys, with all below them, at a restart', () => {
    const registry = new Registry()
    registry.create('HKLM\\stays\\goes', { volatile: true }).createSubkey('below', false)
    registry.create('HKLM\\stays\\too').set('Text', { type: 'REG_MULTI_SZ', data: ['a', 'b'] })
    const restarted = new Registry(registry.saved())
    expect(restarted.open('HKLM\\stays\\goes')).toBeNull()
    expect(restarted.open('HKLM\\stays\\too')?.texts('text')).toEqual(['a', 'b'])
    expect(restarted.saved()).toEqual(registry.saved())
  })
})

describe('CrashControl', () => {
  it('starts as Windows setup leaves it: an automatic dump, which is a kernel dump', () => {
    const control = installed()
    expect(control.enabled).toBe(7)
    expect(control.dumpType).toBe('kernel')
    expect(control.dumpFile).toBe('C:\\Windows\\MEMORY.DMP')
    expect(control.alwaysKeepMemoryDump).toBe(false)
  })

  // covers: KIT-55
  it('takes the value of each dump type and gets the old ones back', () => {
    const control = installed()
    const before = control.settings
    control.configure('full')
    expect([control.enabled, control.dumpType, control.alwaysKeepMemoryDump]).toEqual([1, 'full', false])
    control.configure('kernel')
    expect([control.enabled, control.dumpType]).toEqual([2, 'kernel'])
    control.configure('mini')
    expect([control.enabled, control.dumpType]).toEqual([3, 'mini'])
    expect([control.minidumpDir, control.minidumpsCount]).toEqual(['C:\\Windows\\Minidump', 50])
    control.setPagingFile(1_074_143_232)
    expect(control.pagingFiles).toEqual([{ path: 'C:\\pagefile.sys', byteLength: 1_074_143_232 }])
    control.restore(before)
    expect(control.settings).toEqual(before)
  })

  it('keeps MachineCrash until the restart', () => {
    const registry = new Registry()
    const control = new CrashControl(registry)
    control.createMachineCrash('C:\\DUMP12ab.tmp')
    expect(control.machineCrash).toEqual({ dumpFile: 'C:\\DUMP12ab.tmp', tempDestination: 1 })
    expect(new CrashControl(new Registry(registry.saved())).machineCrash).toBeNull()
  })

  it('lists existing page files as native paths', () => {
    const registry = new Registry()
    const control = new CrashControl(registry)
    control.existingPageFiles = ['C:\\pagefile.sys']
    const key = registry.open('HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management')
    expect(key?.texts('ExistingPageFiles')).toEqual(['\\??\\C:\\pagefile.sys'])
    expect(control.existingPageFiles).toEqual(['C:\\pagefile.sys'])
  })
})

function installed(): CrashControl {
  const control = new CrashControl(new Registry())
  control.install(256 * 1024 * 1024, false)
  return control
}
