import { expect, it } from 'vitest'
import { win10_19041 } from '../profile/win10-19041/profile.ts'
import { processOffsets } from './process-offsets.ts'

it('agrees with the layout of build 19041', () => {
  const { uniqueProcessId, imageFileName } = win10_19041.layouts.Eprocess.fields
  expect(processOffsets(0x8664, 19041)).toMatchObject({
    uniqueProcessId: uniqueProcessId.offset,
    activeProcessLinks: 0x448,
    imageFileName: imageFileName.offset,
  })
})

it.each([
  [0x8664, 2600],
  [0x8664, 18000],
  [0x8664, 30000],
  [0xaa64, 19041],
  [0x14c, 9600],
])('knows nothing of machine 0x%x, build %i', (machine, build) => {
  expect(processOffsets(machine, build)).toBeNull()
})
