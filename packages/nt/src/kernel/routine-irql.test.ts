import { expect, it } from 'vitest'
import { ROUTINE_IRQL } from './routine-irql.ts'

// Levels as the pages of the driver kit's reference state them, read for this test one by one.
it.each([
  ['KeDelayExecutionThread', 1, true],
  ['KeWaitForSingleObject', 1, true],
  ['ZwOpenKey', 0, true],
  ['PsCreateSystemThread', 0, true],
  ['IoAllocateWorkItem', 2, false],
  ['MmMapIoSpace', 2, false],
  ['ExAllocatePoolWithTag', 2, false],
  ['KeSetTimer', 2, false],
])('%s may be called at level %i at most', (name, maxIrql, answersStatus) => {
  expect(ROUTINE_IRQL.get(name)).toMatchObject({ maxIrql, answersStatus })
})

it.each([
  'KeInsertQueueDpc',
  'KeBugCheckEx',
  'MmGetPhysicalAddress',
  'KeQueryPerformanceCounter',
  'IoGetCurrentProcess',
])('%s may be called at any level', (name) => {
  expect(ROUTINE_IRQL.has(name)).toBe(false)
})

it('names the page of each routine', () => {
  expect(ROUTINE_IRQL.get('IoQueueWorkItem')?.url).toBe(
    'https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-ioqueueworkitem',
  )
})
