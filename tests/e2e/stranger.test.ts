// A stranger's check of a run: Python and sgdisk, nothing of our own code between the disk image and the verdict.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dumpstack, repository, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
afterAll(() => folder.remove())
const python = spawnSync('python3', ['--version']).status === 0
const sgdisk = spawnSync('sgdisk', ['--version']).status === 0
const options = ['--ram', '64M', '--seed', '7', '--dumps', 'full', '--out']

beforeAll(() => {
  expect(dumpstack(folder.path, 'test', ...options, 'stopped', '--stop-after', 'crash').code).toBe(3)
  expect(dumpstack(folder.path, 'test', ...options, 'whole').code).toBe(0)
})

it.skipIf(!python)(
  'Python joins the extents into the MEMORY.DMP of a whole run, and recomputes the fill',
  () => {
    const done = spawnSync(
      'python3',
      [
        path.join(repository, 'tests/e2e/stranger.py'),
        'stopped',
        '--dump',
        'whole/full/MEMORY.DMP',
        '--every',
        '5',
      ],
      { cwd: folder.path, encoding: 'utf8' },
    )
    expect(done.stderr).toBe('')
    const seen = JSON.parse(done.stdout)
    expect(seen.pages).toBe(64 * 256)
    expect(seen.ramPages).toBe(64 * 256)
    expect(seen.fillCompared).toBeGreaterThan(1000)
  },
)

it.skipIf(!sgdisk)('sgdisk finds a whole GUID partition table on the disk', () => {
  const done = spawnSync('sgdisk', ['--verify', 'stopped/disk.img'], { cwd: folder.path, encoding: 'utf8' })
  expect(done.stdout).toContain('No problems found')
})
