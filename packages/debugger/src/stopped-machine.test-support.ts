// A target that is no dump: two processors, two modules and a few bytes of memory, as a machine has them that is stopped.
import { gpa, gva } from '@dumpstack/bytes'
import type { VirtualSpace } from '@dumpstack/dumpfile'
import { buildContext } from '@dumpstack/testkit'
import type { DebugTarget } from './debug-target.ts'
import { Registers } from './registers.ts'
import { fewSymbols, symbolsFor } from './session.test-support.ts'
import { Session } from './session.ts'
import type { SymbolSource } from './symbol-source.ts'

const NT = gva(0xfffff80300000000n)
const DRIVER = gva(0xfffff80400000000n)
export const STACK = gva(0xffffd00000001000n)
/** E8 rel32: what lies before it is a call, and so the value on the stack a return address. */
const CALL = [0x90, 0x90, 0xe8, 1, 0, 0, 0]

const BLOCKS: ReadonlyMap<bigint, Uint8Array> = new Map([
  [STACK, new Uint8Array(new BigUint64Array([DRIVER + 0x1107n, 0x1122334455667788n]).buffer)],
  [DRIVER + 0x1100n, Uint8Array.from(CALL)],
])

const memory: VirtualSpace = {
  read(address, into) {
    for (const [start, bytes] of BLOCKS) {
      if (address < start || address >= start + BigInt(bytes.byteLength)) continue
      const part = bytes.subarray(Number(address - start)).subarray(0, into.byteLength)
      into.set(part)
      return part.byteLength
    }
    return 0
  },
  absence: () => 'notMapped',
  translate: () => null,
}

const module = (baseName: string, base: typeof NT) => ({
  baseName,
  fullName: `\\SystemRoot\\${baseName}`,
  base,
  size: 0x10000,
  entryPoint: gva(0n),
  checkSum: 0,
  timeDateStamp: 0,
})

const machine: DebugTarget = {
  description: ['Connected to a machine that is stopped'],
  system: {
    machine: 0x8664,
    build: 19041,
    processorCount: 2,
    bugcheckCode: 0,
    bugcheckParameters: [0n, 0n, 0n, 0n],
    directoryTableBase: gpa(0x1ad000),
    psLoadedModuleList: gva(0n),
    psActiveProcessHead: gva(0n),
    kdDebuggerDataBlock: gva(0n),
    systemTime: 0n,
    systemUpTime: 0n,
    isCheckedBuild: false,
    productType: null,
    suiteMask: null,
  },
  kdbg: null,
  processors: [0, 1].map((number) => ({ number, prcb: null, contextAddress: null, currentThread: null })),
  currentProcessor: 1,
  current: { thread: null, process: null, stack: null },
  exception: null,
  physical: null,
  damage: [],
  dump: null,
  virtual: () => memory,
  modules: () => ({
    loaded: [module('ntoskrnl.exe', NT), module('disk.sys', DRIVER)],
    unloaded: [],
    damage: null,
  }),
  registers: (number) =>
    Registers.of(buildContext({ rip: number === 1 ? NT + 0x1234n : DRIVER + 0x2000n, rsp: STACK })),
}

export const stoppedMachine = (
  symbols: SymbolSource = symbolsFor('ntoskrnl.exe', fewSymbols({ KeBugCheckEx: 0x1230 })),
): Session => new Session({ target: machine, symbols, disassembler: null, nextTurn: () => Promise.resolve() })
