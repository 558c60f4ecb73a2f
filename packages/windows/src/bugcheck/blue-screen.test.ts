import { expect, it } from 'vitest'
import { BlueScreen } from './blue-screen.ts'

const crash = { code: 0xe2, parameters: [0n, 1n, 0xffff800012345678n, 0n] } as const

// covers: KIT-56, KIT-57
it('shows the stop code, then the dump as it goes, then the percentage', () => {
  const screen = new BlueScreen(crash)
  const stop = [
    'Your device ran into a problem and needs to restart.',
    'Stop code: MANUALLY_INITIATED_CRASH',
    '*** STOP: 0x000000E2 (0x0000000000000000, 0x0000000000000001, 0xFFFF800012345678, 0x0000000000000000)',
  ]
  expect(screen.lines).toEqual(stop)
  screen.collecting()
  screen.initializingDisk()
  expect(screen.lines.slice(3)).toEqual([
    'Collecting data for crash dump ...',
    'Initializing disk for crash dump ...',
  ])
  screen.beginning()
  expect(screen.lines.slice(5)).toEqual([
    'Beginning dump of physical memory.',
    'Dumping physical memory to disk:  0',
  ])
  screen.progress(41.9)
  screen.progress(12)
  expect(screen.lines.at(-1)).toBe('Dumping physical memory to disk: 41')
  screen.progress(100.4)
  expect(screen.lines).toHaveLength(7)
  expect(screen.lines.at(-1)).toBe('Dumping physical memory to disk: 100')
})

// covers: KIT-58
it('shows a second bugcheck in place of the first and keeps what the dump had said', () => {
  const screen = new BlueScreen(crash)
  screen.collecting()
  screen.replace({ code: 0xd1, parameters: [8n, 15n, 0n, 0xfffff80712345678n] })
  expect(screen.lines.slice(1)).toEqual([
    'Stop code: DRIVER_IRQL_NOT_LESS_OR_EQUAL',
    '*** STOP: 0x000000D1 (0x0000000000000008, 0x000000000000000F, 0x0000000000000000, 0xFFFFF80712345678)',
    'Collecting data for crash dump ...',
  ])
  screen.replace({ code: 0xdeadbeef, parameters: [0n, 0n, 0n, 0n] })
  expect(screen.lines[1]).toBe('Stop code: 0xDEADBEEF')
})
