import { expect, it } from 'vitest'
import { Volume } from '../volume/volume.ts'
import { minidumps, newMinidumpPath, surplusMinidumps } from './minidump-folder.ts'

const FOLDER = 'C:\\Windows\\Minidump'
const MIB = 1024 * 1024
const newVolume = (): Volume =>
  new Volume({ offset: MIB, byteLength: 62 * MIB, diskGuid: '', partitionGuid: '' }, 1)

it('names a minidump by day, ticks and the first free number', () => {
  const volume = newVolume()
  const name = () => newMinidumpPath(volume, FOLDER, Date.UTC(2026, 10, 2, 23, 59), 38_234)
  expect(name()).toBe('C:\\Windows\\Minidump\\110226-38234-01.dmp')
  volume.create(name(), 4096, 0)
  expect(name()).toBe('C:\\Windows\\Minidump\\110226-38234-02.dmp')
})

it('gives up the oldest ones above MinidumpsCount, and none that cannot be deleted', () => {
  const volume = newVolume()
  const path = (index: number) => `${FOLDER}\\01012${index}-1-01.dmp`
  for (const [index, at] of [30, 10, 40, 20].entries()) volume.create(path(index), 4096, at)
  volume.create('C:\\Windows\\MEMORY.DMP', 4096, 1)
  volume.create(`${FOLDER}\\notes.txt`, 4096, 1)
  expect(minidumps(volume, FOLDER.toUpperCase()).map((file) => file.path)).toEqual([1, 3, 0, 2].map(path))
  expect(surplusMinidumps(volume, FOLDER, 4)).toEqual([])
  expect(surplusMinidumps(volume, FOLDER, 2).map((file) => file.path)).toEqual([path(1), path(3)])
  volume.setAttributes(path(1), { readOnly: true })
  expect(surplusMinidumps(volume, FOLDER, 2).map((file) => file.path)).toEqual([path(3)])
})
