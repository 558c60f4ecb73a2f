// The commands of dumpstack. Each is loaded when it is asked for: the help of the whole needs none of them.
import type { Command } from 'commander'
import type { Exit } from './program/exit-code.ts'

interface CommandRow {
  readonly name: string
  readonly summary: string
  /** Answers what gives the command its options, its help and its action. */
  load(): Promise<(command: Command, exit: Exit) => void>
}

export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'test',
    summary: 'crash a machine, restart it, judge its dumps',
    load: async () => (await import('./test/command.ts')).defineTest,
  },
  {
    name: 'check',
    summary: 'do driver files keep the dump-mode contract?',
    load: async () => (await import('./check/command.ts')).defineCheck,
  },
  {
    name: 'examine',
    summary: 'examine the dumps of a finished run again, or any dump',
    load: async () => (await import('./examine/command.ts')).defineExamine,
  },
  {
    name: 'report',
    summary: 'one HTML page of all that a run kept',
    load: async () => (await import('./report/command.ts')).defineReport,
  },
  {
    name: 'calls',
    summary: 'what a driver file called, and which registers it touched',
    load: async () => (await import('./calls/command.ts')).defineCalls,
  },
  {
    name: 'verify',
    summary: 'is a dump file whole?',
    load: async () => (await import('./verify/command.ts')).defineVerify,
  },
  {
    name: 'kd',
    summary: 'debug a dump',
    load: async () => (await import('./kd/command.ts')).defineKd,
  },
  {
    name: 'cmd',
    summary: 'a command line of Windows in a run folder',
    load: async () => (await import('./cmd/command.ts')).defineCmd,
  },
  {
    name: 'stack',
    summary: 'list the drivers of the crash dump stack',
    load: async () => (await import('./stack/command.ts')).defineStack,
  },
  {
    name: 'pdb',
    summary: 'what a PDB holds: identity, publics, types, lines',
    load: async () => (await import('./pdb/command.ts')).definePdb,
  },
]
