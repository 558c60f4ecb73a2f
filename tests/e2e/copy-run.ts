// A copy of a run folder, whose disk image has holes that a plain copy would fill.
import { spawnSync } from 'node:child_process'

export function copyRun(from: string, to: string): void {
  const sparse = process.platform === 'linux' ? ['--sparse=always'] : []
  const { status, stderr } = spawnSync('cp', ['-a', ...sparse, from, to], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cannot copy ${from}: ${stderr}`)
}
