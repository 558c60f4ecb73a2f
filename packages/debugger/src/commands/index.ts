// Every command, in the order of .help.
import type { Command } from '../command.ts'
import { bugcheck } from './bugcheck.ts'
import { d } from './d.ts'
import { evaluateCommand } from './evaluate.ts'
import { help } from './help.ts'
import { k } from './k.ts'
import { lm } from './lm.ts'
import { ln } from './ln.ts'
import { processorCommand } from './processor.ts'
import { quit } from './quit.ts'
import { r } from './r.ts'
import { vertarget } from './vertarget.ts'
import { x } from './x.ts'

export const COMMANDS: readonly Command[] = [
  bugcheck, d, evaluateCommand, k, lm, ln, processorCommand, quit, r, vertarget, x, help,
] // biome-ignore format: one row
