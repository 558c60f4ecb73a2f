// A routine of the dump that polls a register: the finding names register, value and what the code waits for.
import { buildPe } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { at, config, extension, held, portCallsWith, type Step } from './port-calls.test-support.ts'

const machineWith = portCallsWith(buildPe)
/** The registers of the HBA, at rbx; CAP is 0xc1301f05 and lies at 0. */
const mapped: readonly Step[] = [
  ['RtlCopyMemory', at(0x200), config, 0xe0],
  ['RtlCopyMemory', at(0x300), held(0x238), 0x60],
  ['StorPortGetDeviceBase', extension, 5, 0, held(0x350), 0x1000, 0],
  { code: [0x48, 0x89, 0xc3] },
]
// mov esi, 0x100000; again: mov eax, [rbx]; test eax, esi; jne again
const POLL: Step = { code: [0xbe, 0, 0, 0x10, 0, 0x8b, 0x03, 0x85, 0xf0, 0x75, 0xfa] }
// mov eax, [rbx]; test eax, 0x100000
const LOOK: Step = { code: [0x8b, 0x03, 0xa9, 0, 0, 0x10, 0] }
const STALL: Step = ['StorPortStallExecution', 1_000_000]

const hangOf = (findAdapter: readonly Step[]) =>
  machineWith({ findAdapter: [...mapped, ...findAdapter] })
    .crash()
    .report!.violations.find(({ rule }) => rule === 'DM-26')

it('says it of a loop without a stall, by the mask in a register', () => {
  expect(hangOf([POLL])?.message).toBe(
    'HwFindAdapter did not return within 4000000 port calls and register accesses; the last register that it read is CAP, which was 0xc1301f05; it waits for (value & 0x100000) == 0',
  )
})

it('ends a wait by stalls where the code looks at its register', () => {
  const looks = Array.from({ length: 70 }, () => [STALL, LOOK]).flat()
  const hang = hangOf(looks)
  expect(hang?.message).toMatch(
    / within 60 s of the machine's time; the last register that it read is CAP, which was 0xc1301f05/,
  )
  expect(hang?.bytes).toMatch(/^8b 03 a9 /)
})

it('ends one that looks at no register any more', () => {
  const hang = hangOf([LOOK, ...Array.from({ length: 80 }, () => STALL)])
  expect(hang?.message).toMatch(/ within 60 s of the machine's time; the last register/)
})

/** Between two looks at the register, so that instructions are used up before accesses are. */
const SLOW = Array.from({ length: 60 }, () => 0x90)

it.each<[string, readonly number[], true | undefined]>([
  // again: mov eax, [rbx]; ...; test eax, 0x100000; jne again
  ['repeats itself, and never returns', [0x8b, 0x03, ...SLOW, 0xa9, 0, 0, 0x10, 0, 0x75, 0xbb], undefined],
  // mov esi, 10000000; again: mov eax, [rbx]; ...; dec esi; jne again
  ['counts, and is cut off', [0xbe, 0x80, 0x96, 0x98, 0, 0x8b, 0x03, ...SLOW, 0xff, 0xce, 0x75, 0xbe], true],
])('knows a loop that %s', (_, code, isCutOff) => {
  const { report } = machineWith({ findAdapter: [...mapped, { code }] }).crash()
  expect(report!.violations.map(({ rule }) => rule)).toContain('DM-26')
  expect(report!.isCutOff).toBe(isCutOff)
})
