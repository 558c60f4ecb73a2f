import type { TargetDescription } from '@dumpstack/target'
import { expect, it } from 'vitest'
import { memPlus, verifyPrerequisites } from './prerequisites.ts'

const system: TargetDescription = {
  profile: 'win10-19041',
  controller: 'ahci0',
  seed: 1,
  cpuCount: 1,
  ramBytes: 1073094656,
  pageFileBytes: 1074143232,
  freeBytesOnC: 20 * 2 ** 30,
  stack: [],
}
const refusals = (change: Partial<TargetDescription>): string[] =>
  verifyPrerequisites({ ...system, ...change })
    .filter((message) => message.level === 'x')
    .map((message) => message.text)

// covers: KIT-46
it.each([
  [1074143231, ['Paging file size is too small for full dump purposes.']],
  [1074143232, []],
  [memPlus(1073094656, 1), []],
])('judges a page file of %d bytes against RAM of 1073094656 bytes', (pageFileBytes, expected) => {
  expect(refusals({ pageFileBytes })).toEqual(expected)
})

// covers: KIT-48, KIT-49, KIT-50, KIT-51, KIT-52
it('says both sizes and what to do', () => {
  expect(
    verifyPrerequisites({ ...system, pageFileBytes: 330989568 }).map((m) => `(${m.level}) ${m.text}`),
  ).toEqual([
    '(i) Verifying free disk space on C:.',
    '(i) Verifying paging file size.',
    '(x) Paging file size is too small for full dump purposes.',
    '(i) Paging file size: 330989568',
    '(i) Physical memory size: 1073094656',
    '(i) Please configure minimum paging file size to physical RAM size + 1MB.',
  ])
})

// covers: KIT-19
it('refuses less than 20 GB free on C:', () => {
  expect(refusals({ freeBytesOnC: 20 * 2 ** 30 - 1 })).toEqual([
    'Free disk space on C: is too small. Found: 21474836479 bytes. Expected: 21474836480 bytes (20 GB).',
  ])
})

// covers: KIT-89
it('rounds mem+N up to whole megabytes', () => {
  expect(memPlus(1073094656, 1)).toBe(1025 * 2 ** 20)
  expect(memPlus(2 ** 30, 257)).toBe(1281 * 2 ** 20)
})
