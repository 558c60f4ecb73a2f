// The way to a return by code alone. The decoder knows a handful of instructions, written as the one of kd writes them.
import { MemorySource } from '@dumpstack/bytes'
import { buildCrashMinidump, DEFAULT_MODULES } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import type { Disassembler } from '../disassembler.ts'
import { DumpTarget } from '../dump-target.ts'
import { NO_SYMBOLS, say } from '../session.test-support.ts'
import { Session } from '../session.ts'

const NT = DEFAULT_MODULES[0]!.base
const DRIVER = DEFAULT_MODULES[2]!.base
const STACK = 0xffffd000e0185000n

const CODE: Readonly<Record<number, readonly [byteLength: number, mnemonic: string, operands: string]>> = {
  144: [1, 'nop', ''],
  88: [1, 'pop', 'rax'],
  92: [1, 'pop', 'rsp'],
  80: [1, 'push', 'rax'],
  72: [4, 'add', 'rsp,28h'],
  73: [4, 'sub', 'rsp,28h'],
  74: [3, 'add', 'rsp,rax'],
  232: [5, 'call', '$target'],
  235: [2, 'jmp', '$target'],
  195: [1, 'ret', ''],
  194: [3, 'ret', '8'],
}

const disassembler: Disassembler = {
  decode(bytes) {
    const found = CODE[bytes[0] ?? 0]
    if (found === undefined || found[0] > bytes.byteLength) return null
    const [byteLength, mnemonic, operands] = found
    return { byteLength, mnemonic, operands, target: null, memory: null }
  },
}

/** What k says where the code at rip is `code`, and every word of the stack is an address in storahci.sys. */
function stackOf(code: readonly number[]): Promise<string> {
  const words = Array.from({ length: 32 }, (_, index) => DRIVER + 0x1010n + BigInt(index * 8))
  const source = new MemorySource(
    buildCrashMinidump({
      bugcheck: 0x1e,
      context: { rip: NT + 0x1234n, rsp: STACK },
      stack: { address: STACK, words },
      blocks: [{ address: NT + 0x1234n, bytes: Uint8Array.from(code) }],
    }),
  )
  const session = new Session({
    target: new DumpTarget(source, 'a.dmp'),
    symbols: NO_SYMBOLS,
    disassembler,
    nextTurn: () => Promise.resolve(),
  })
  return say(session, 'k 2')
}

it.each([
  ['a leaf', [0x90, 0xc3], 'storahci+0x1010 [code]'],
  ['an epilog', [0x48, 0, 0, 0, 0x58, 0x58, 0xc3], 'storahci+0x1048 [code]'],
])('%s leads to its return address', async (_, code, place) => {
  expect(await stackOf(code)).toContain(place)
})

it.each([
  ['calls', [0xe8, 0, 0, 0, 0, 0xc3]],
  ['branches', [0xeb, 0, 0xc3]],
  ['pushes', [0x50, 0xc3]],
  ['makes room', [0x49, 0, 0, 0, 0xc3]],
  ['moves rsp by a register', [0x4a, 0, 0, 0xc3]],
  ['loads rsp', [0x5c, 0xc3]],
  ['takes arguments off the stack, as no function of x64 does', [0xc2, 8, 0]],
  ['is not known', [0x90, 0x01, 0xc3]],
  ['ends with the dump', [0x90, 0x90]],
  ['goes on without end', Array(64).fill(0x90)],
])('code that %s leads nowhere', async (_, code) => {
  expect(await stackOf(code)).not.toContain('[code]')
})
