import { expect, it } from 'vitest'
import { endsWithCall } from './call-before.ts'

// Encodings as clang assembles them.
it.each([
  ['call rel32', [0xe8, 1, 2, 3, 4]],
  ['call rax', [0xff, 0xd0]],
  ['call qword ptr [rax]', [0xff, 0x10]],
  ['call qword ptr [rbx+8]', [0xff, 0x53, 0x08]],
  ['call qword ptr [rsp+28h]', [0xff, 0x54, 0x24, 0x28]],
  ['call qword ptr [rip+12345678h]', [0xff, 0x15, 0x78, 0x56, 0x34, 0x12]],
  ['call qword ptr [rax+rcx*8+100h]', [0xff, 0x94, 0xc8, 0, 1, 0, 0]],
])('knows %s', (_, code) => {
  expect(endsWithCall(Uint8Array.from([...Array(7 - code.length).fill(0x90), ...code]))).toBe(true)
})

it.each([
  ['jmp rel32', [0xe9, 1, 2, 3, 4]],
  ['jmp rax', [0xff, 0xe0]],
  ['push [rax]', [0xff, 0x30]],
  ['nothing', [0x90, 0x90]],
])('is not taken in by %s', (_, code) => {
  expect(endsWithCall(Uint8Array.from([...Array(7 - code.length).fill(0x90), ...code]))).toBe(false)
})
