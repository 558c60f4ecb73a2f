// A stranger's check of a run: Python and sgdisk, nothing of our own code between the disk image and the verdict.
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
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

it.skipIf(!python)(
  'Python finds every byte of a mini dump in the full dump of the same seed, at its address',
  () => {
    const mini = ['--ram', '64M', '--seed', '7', '--dumps', 'mini', '--out', 'mini', '--stop-after', 'crash']
    expect(dumpstack(folder.path, 'test', ...mini).code).toBe(3)
    const stranger = path.join(repository, 'tests/e2e/stranger.py')
    const check = () =>
      spawnSync('python3', [stranger, 'mini', '--full', 'stopped'], { cwd: folder.path, encoding: 'utf8' })
    const done = check()
    expect(done.stderr).toBe('')
    expect(JSON.parse(done.stdout)).toMatchObject({ blocks: 24, pools: 5 })

    const { extents } = JSON.parse(readFileSync(path.join(folder.path, 'mini/extents.json'), 'utf8'))
    const image = openSync(path.join(folder.path, 'mini/disk.img'), 'r+')
    writeSync(image, Uint8Array.of(0xa5, 0x5a), 0, 2, extents[0].diskOffset + 0x3000) // in the KPRCB
    closeSync(image)
    expect(check().stderr).toMatch(
      /^44800 bytes at 0x[0-9a-f]{16}, file offset 0x[0-9a-f]+, are not those of/,
    )
  },
)

it.skipIf(!sgdisk)('sgdisk finds a whole GUID partition table on the disk', () => {
  const done = spawnSync('sgdisk', ['--verify', 'stopped/disk.img'], { cwd: folder.path, encoding: 'utf8' })
  expect(done.stdout).toContain('No problems found')
})
