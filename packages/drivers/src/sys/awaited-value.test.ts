// Loops that poll a register, as compilers write them: what they wait for, as far as the instructions show it.
import { gva } from '@dumpstack/bytes'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { expect, it } from 'vitest'
import { awaitedValue } from './awaited-value.ts'

const START = 0x1000n
const VALUE = 0xc1301f05n
const REGISTERS: Readonly<Record<number, bigint>> = { 5: 0xc00n, 7: 0x1000n } // ebp, edi

const decoder = new IcedDecoder()

function waitOf(code: readonly number[], value = VALUE, byteLength = 4, hasRegisters = true): string | null {
  const bytes = Uint8Array.from(code)
  const processor = {
    decodeAt: (address: bigint) => {
      const decoded = decoder.decode(bytes.subarray(Number(address - START)), address)
      return typeof decoded === 'string' ? null : decoded
    },
    readGpr: (index: number) => REGISTERS[index] ?? 0n,
  }
  const access = { kind: 'mmio', direction: 'read', address: 0, byteLength, value, rip: gva(START) } as const
  return awaitedValue(processor, access, hasRegisters)
}

const looping = (body: readonly number[], opcode: number): number[] => [
  ...body,
  opcode,
  0x100 - body.length - 2,
]

const LOAD = [0x8b, 0x03] // mov eax, [rbx]
const [JB, JAE, JE, JNE, JBE, JA, JS, JMP] = [0x72, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0xeb] as const

it.each<[what: string, code: number[], awaited: string]>([
  ['a bit to be cleared', looping([...LOAD, 0xa9, 0, 0, 0x10, 0], JNE), '(value & 0x100000) == 0'],
  ['a bit to be set', looping([...LOAD, 0xa9, 0x02, 0, 0, 0], JE), '(value & 0x2) != 0'],
  ['a bit by its number', looping([...LOAD, 0x0f, 0xba, 0xe0, 0x1f], JB), '(value & 0x80000000) == 0'],
  ['the sign', looping([...LOAD, 0x85, 0xc0], JS), '(value & 0x80000000) == 0'],
  ['a masked value', looping([...LOAD, 0x25, 0, 0x0f, 0, 0], JNE), '(value & 0xf00) == 0'],
  // shr eax, 8; and eax, 0xf; cmp eax, 3
  [
    'a field',
    looping([...LOAD, 0xc1, 0xe8, 0x08, 0x83, 0xe0, 0x0f, 0x83, 0xf8, 0x03], JNE),
    '(value & 0xf00) == 0x300',
  ],
  ['all ones', looping([...LOAD, 0x83, 0xf8, 0xff], JNE), 'value == 0xffffffff'],
  // movzx eax, byte [rbx]; cmp al, 0xff
  ['a byte of ones', looping([0x0f, 0xb6, 0x03, 0x3c, 0xff], JNE), '(value & 0xff) == 0xff'],
  ['another value', looping([...LOAD, 0x3d, 0x05, 0x1f, 0x30, 0xc1], JE), 'value != 0xc1301f05'],
  ['a smaller one', looping([...LOAD, 0x3d, 0, 0, 1, 0], JAE), 'value < 0x10000'],
  ['one that is not larger', looping([...LOAD, 0x3d, 0, 0, 1, 0], JA), 'value <= 0x10000'],
  ['a larger one', looping([...LOAD, 0x3d, 0, 0, 0, 0xd0], JBE), 'value > 0xd0000000'],
  ['a mask in a register', looping([...LOAD, 0x85, 0xf8], JNE), '(value & 0x1000) == 0'],
  // mov ecx, ebp; and ecx, eax
  [
    'a mask that the value is put to',
    looping([...LOAD, 0x89, 0xe9, 0x21, 0xc1], JNE),
    '(value & 0xc00) == 0',
  ],
  ['the low byte', looping([...LOAD, 0x0f, 0xb6, 0xc0, 0x85, 0xc0], JNE), '(value & 0xff) == 0'],
  // mov [rsp + 0x40], eax; mov ecx, [rsp + 0x40]; and ecx, 5
  [
    'what lay on the stack meanwhile',
    looping([...LOAD, 0x89, 0x44, 0x24, 0x40, 0x8b, 0x4c, 0x24, 0x40, 0x83, 0xe1, 0x05], JNE),
    '(value & 0x5) == 0',
  ],
  // test al, 2; jne out; test al, 4; jne start; out: jmp start
  [
    'one of two bits',
    [...LOAD, 0xa8, 0x02, JNE, 0x04, 0xa8, 0x04, JNE, 0xf6, JMP, 0xf4],
    '(value & 0x2) != 0 or (value & 0x4) == 0',
  ],
])('waits for %s', (_what, code, awaited) => {
  expect(waitOf(code)).toBe(awaited)
})

it.each<[what: string, code: number[], value: bigint, byteLength: number, awaited: string]>([
  // test byte [rbx + 1], 0x1f
  ['a test in place', looping([0xf6, 0x43, 0x01, 0x1f], JNE), 0x1fn, 1, '(value & 0x1f) == 0'],
  // cmp word [rbx], 3
  ['a comparison in place', looping([0x66, 0x83, 0x3b, 0x03], JNE), 7n, 2, 'value == 0x3'],
  // in al, dx; test al, 0x80
  ['a port', looping([0xec, 0xa8, 0x80], JNE), 0x80n, 1, '(value & 0x80) == 0'],
])('reads %s', (_what, code, value, byteLength, awaited) => {
  expect(waitOf(code, value, byteLength)).toBe(awaited)
})

it.each<[what: string, code: number[]]>([
  ['there is no test', looping(LOAD, JMP)],
  ['something else is tested', looping([...LOAD, 0x85, 0xff], JNE)],
  ['the value was changed', looping([...LOAD, 0x83, 0xf0, 0x01, 0x85, 0xc0], JNE)],
  ['the mask is loaded after the read', looping([...LOAD, 0x8b, 0x3c, 0x24, 0x85, 0xf8], JNE)],
  // mov al, [rbx]; test eax, eax: the upper bytes are another's
  ['only a byte of what is tested was read', looping([0x8a, 0x03, 0x85, 0xc0], JNE)],
  // cmp rax, -1
  ['more is compared than was read', looping([...LOAD, 0x48, 0x83, 0xf8, 0xff], JNE)],
  ['a call lies between', looping([...LOAD, 0xe8, 0, 0, 0, 0, 0x85, 0xc0], JNE)],
  ['the code ends', LOAD],
])('says nothing where %s', (_what, code) => {
  expect(waitOf(code)).toBeNull()
})

it('trusts no register where the processor has left the read', () => {
  expect(waitOf(looping([...LOAD, 0x85, 0xf8], JNE), VALUE, 4, false)).toBeNull()
  expect(waitOf(looping([...LOAD, 0xa8, 0x04], JNE), VALUE, 4, false)).toBe('(value & 0x4) == 0')
})
