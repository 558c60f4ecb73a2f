// Commands over a target that is no dump.
import { expect, it } from 'vitest'
import { say } from './session.test-support.ts'
import { STACK, stoppedMachine } from './stopped-machine.test-support.ts'

const answer = (line: string): Promise<string> => say(stoppedMachine(), line)

it('lm lists its modules', async () => {
  expect(await answer('lm')).toBe(
    'start             end                 module name\n' +
      'fffff803`00000000 fffff803`00010000   nt         (deferred)\n' +
      'fffff804`00000000 fffff804`00010000   disk       (deferred)\n',
  )
})

it('r shows the registers of the processor that stopped, and of another', async () => {
  const text = await answer('r; ~0s; r rip')
  expect(text).toContain('rip=fffff80300001234 rsp=ffffd00000001000')
  expect(text).toContain('nt!KeBugCheckEx+0x4:\n')
  expect(text).toMatch(/\nrip=fffff80400002000\n$/)
})

it('dd shows its memory, and what it does not hold', async () => {
  expect(await answer(`dd ${STACK.toString(16)} L6`)).toBe(
    'ffffd000`00001000  00001107 fffff804 55667788 11223344\nffffd000`00001010  ???????? ????????\n',
  )
})

it('k walks its stack', async () => {
  expect(await answer('k')).toContain(
    'ffffd000`00001000 fffff804`00001107     nt!KeBugCheckEx+0x4 [frame]\n' +
      'ffffd000`00001008 ????????`????????     disk+0x1107 [scan: ntoskrnl.exe missing]\n',
  )
})

it('says so where a command asks for the file of a dump', async () => {
  expect(await answer('.dumpdebug; .enumtag')).toBe(
    'the target is no dump file\nthe target is no dump file\n',
  )
})
