// What the end-to-end tests share: a small system in a temporary folder, and the walk up to a place of the test's choice.

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { win10_19041 } from '@dumpstack/nt'
import { SystemFolder, takeFolder } from '@dumpstack/run/node'
import type { CrashReport, DumpType, Target, TargetConditions } from '@dumpstack/target'
import { createWindowsTarget, type WindowsTargetOptions } from '@dumpstack/windows/node'

export const MIB = 1024 * 1024
export const RAM_BYTES = 128 * MIB
const NEVER = new AbortController().signal
const SETUP = ['debuggers', 'crashDriver', 'pageFile', 'restart'] as const

export interface Walk {
  readonly folder: string
  readonly target: Target
}

const folders: string[] = []

/** Made folders go with `removeFolders`, which a test file calls when it is done. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dumpstack-e2e-'))
  folders.push(folder)
  return folder
}
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export function newWalk(
  conditions: TargetConditions = {},
  overrides: Partial<WindowsTargetOptions> = {},
): Walk {
  const folder = newFolder()
  const target = createWindowsTarget({
    profile: win10_19041,
    folder: new SystemFolder(takeFolder(realpathSync(folder))),
    seed: 1,
    ramBytes: RAM_BYTES,
    cpuCount: 2,
    pageFileBytes: RAM_BYTES + 257 * MIB,
    conditions,
    hostNow: () => performance.now(),
    ...overrides,
  })
  return { folder, target }
}

export async function prepare({ target }: Walk): Promise<void> {
  for (const step of SETUP) await target.prepare(step, NEVER)
}

export async function crash({ target }: Walk, dump: DumpType): Promise<CrashReport> {
  await target.configure(dump, NEVER)
  return await target.crash(() => {}, NEVER)
}

export async function restart({ target }: Walk): Promise<void> {
  await target.awaitRestart(30 * 60_000, () => {}, NEVER)
}

export async function sleepMinutes({ target }: Walk, minutes: number): Promise<void> {
  await target.sleep(minutes * 60_000, NEVER)
}

/** From power on to the system that is back after its crash. */
export async function walkThroughCrash(
  conditions: TargetConditions,
  dump: DumpType,
  overrides: Partial<WindowsTargetOptions> = {},
): Promise<Walk & { readonly report: CrashReport }> {
  const walk = newWalk(conditions, overrides)
  await prepare(walk)
  const report = await crash(walk, dump)
  await restart(walk)
  return { ...walk, report }
}

/** The HRESULT of opening MEMORY.DMP; 0 where it opens. */
export async function openHresult({ target }: Walk): Promise<number> {
  try {
    const { source } = await target.openDump()
    source.close?.()
    return 0
  } catch (error) {
    if (error instanceof Error && 'hresult' in error) return Number(error.hresult)
    throw error
  }
}

export async function eventIds({ target }: Walk): Promise<number[]> {
  return (await target.evidence()).events.map((event) => event.id)
}
