import { expect, it, vi } from 'vitest'
import SkipReporter, { skipLine } from './skip-reporter.mjs'

it('says in one line why tests were skipped, and what to install', () => {
  const names = ['reads a dump (needs shared/data)', 'the same on QEMU (needs qemu-system-x86_64)']
  expect(skipLine(names, ['qemu-system-x86', 'gdisk'])).toBe(
    '2 tests were skipped: 1 need real inputs in ../shared/data, which are not published; ' +
      '1 need programs (apt-get install qemu-system-x86 gdisk). npm test -- --reporter=verbose names them.',
  )
})

it('leaves it to the names of the tests where no program is missing', () => {
  expect(skipLine(['goes on when a disk is full (needs the privilege to mount)'], [])).toBe(
    '1 tests were skipped: 1 need what this machine lacks, as their names say. npm test -- --reporter=verbose names them.',
  )
})

it.each([
  ['all tests run', {}, 1],
  ['-t leaves tests out by their names', { testNamePattern: /a dump/ }, 0],
])('is said once where %s', (_, config, times) => {
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  try {
    const reporter = new SkipReporter()
    reporter.onInit({ config })
    reporter.onTestRunEnd([{ children: { allTests: () => [{ fullName: 'needs shared/data' }] } }])
    expect(said).toHaveBeenCalledTimes(times)
  } finally {
    said.mockRestore()
  }
})
