// `dumpstack stack`: the drivers of the crash dump stack as a booted system holds them.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { hex, hex64 } from '@dumpstack/bytes'
import { controllerNamed } from '@dumpstack/machine'
import type { StackRow } from '@dumpstack/nt'
import { onHost, SystemFolder, takeFolder } from '@dumpstack/run/node'
import { createWindowsTarget } from '@dumpstack/windows/node'
import { bold, type Line } from '../terminal/painted.ts'
import { printJson, printLines } from '../terminal/terminal.ts'
import type { TestPlan } from '../test/test-options.ts'

const STACK_SCHEMA = 'docs/schema/stack-result.schema.json'

export function runStack(plan: TestPlan, json: boolean): number {
  const folder = onHost('make a temporary folder', () => mkdtempSync(path.join(tmpdir(), 'dumpstack-')))
  try {
    const owned = takeFolder(realpathSync(folder))
    const target = createWindowsTarget({
      profile: plan.profile,
      folder: new SystemFolder(owned),
      seed: plan.seed,
      ramBytes: plan.ramBytes,
      cpuCount: plan.cpuCount,
      pageFileBytes: plan.pageFileBytes,
      conditions: {},
      controller: controllerNamed(plan.controller),
      diskBytes: plan.diskBytes,
      hostNow: () => performance.now(),
    })
    const { profile, controller, stack } = target.describe()
    target.close()
    owned.close()
    if (json) printJson({ schema: STACK_SCHEMA, profile, controller, stack: stack.map(rowAsJson) })
    else printLines(stackLines(profile, controller, stack))
    return 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const rowAsJson = (row: StackRow): object => ({ ...row, base: hex(row.base), size: hex(row.size) })

function stackLines(profile: string, controller: string, stack: readonly StackRow[]): Line[] {
  const rows = [
    ['name on disk', 'base name', 'base', 'size', 'state', 'purpose', 'full name'],
    ...stack.map((row) => [
      row.nameOnDisk,
      row.baseName,
      hex64(row.base),
      hex(row.size),
      row.state,
      row.purpose,
      row.fullName,
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
  return [`Crash dump stack of ${profile}, controller ${controller}`, '', bold(lines[0]!), ...lines.slice(1)]
}
