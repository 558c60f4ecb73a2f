// Every command, in the order of .help.
import type { Command } from '../command.ts'
import { analyze } from './analyze.ts'
import { bugcheck } from './bugcheck.ts'
import { cxr, ecxr, trap } from './cxr.ts'
import { d } from './d.ts'
import { dt } from './dt.ts'
import { dumpdebug } from './dumpdebug.ts'
import { dv } from './dv.ts'
import { enumtag } from './enumtag.ts'
import { evaluateCommand } from './evaluate.ts'
import { exr } from './exr.ts'
import { frame } from './frame.ts'
import { helpOn } from './help.ts'
import { k } from './k.ts'
import { lm } from './lm.ts'
import { ln } from './ln.ts'
import { logclose, logopen } from './log.ts'
import { processCommand } from './process.ts'
import { processorCommand } from './processor.ts'
import { pte } from './pte.ts'
import { quit } from './quit.ts'
import { r } from './r.ts'
import { reload } from './reload.ts'
import { sympath } from './sympath.ts'
import { thread } from './thread.ts'
import { u } from './u.ts'
import { vertarget } from './vertarget.ts'
import { x } from './x.ts'

export const COMMANDS: readonly Command[] = [
  analyze, bugcheck, cxr, d, dt, dumpdebug, dv, ecxr, enumtag, evaluateCommand, exr, frame, k, lm, ln, logclose,
  logopen, processCommand, processorCommand, pte, quit, r, reload, sympath, thread, trap, u, vertarget, x,
  helpOn(() => COMMANDS),
] // biome-ignore format: a list
