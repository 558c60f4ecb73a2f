// A dump under the debugger in this process.
import type { ByteSource } from '@dumpstack/bytes'
import { DumpTarget, Session, type SymbolSource } from '@dumpstack/debugger'
import { IcedDisassembler } from './kd-disassembler.ts'

/** Throws DumpError for a file that is no kernel crash dump; `file` is what messages call it. */
export const sessionOf = (source: ByteSource, file: string, symbols: SymbolSource): Session =>
  new Session({
    target: new DumpTarget(source, file),
    symbols,
    disassembler: new IcedDisassembler(),
    nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
  })
