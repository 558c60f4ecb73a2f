// Registers of ARM64: by name and as shown, from bytes laid out by winnt.h's declaration, and from the real minidump of
// build 22000, where x18 of each processor must point to the PCR that holds its PRCB.
import { FileSource } from '@dumpstack/bytes/node'
import { sharedData } from '@dumpstack/testkit/node'
import { describe, expect, it } from 'vitest'
import { RegistersArm64 } from './registers-arm64.ts'
import { printRegisters } from './registers-text.ts'
import { NO_SYMBOLS, say, sessionOn } from './session.test-support.ts'

const context = new Uint8Array(0x390)
const view = new DataView(context.buffer)
view.setUint32(0x04, 0x6000_0144, true)
for (let index = 0; index < 33; index++)
  view.setBigUint64(8 + index * 8, 0x1111_0000_8000_0000n + BigInt(index), true)

it('names every register, and its low half', () => {
  const registers = new RegistersArm64(context)
  const low = (name: string): bigint | undefined => registers.value(name)?.valueOf()
  expect(low('x0')).toBe(0x1111_0000_8000_0000n)
  expect(low('X28')).toBe(0x1111_0000_8000_001cn)
  expect([low('fp'), low('x29'), low('lr'), low('x30')].map((value) => Number(value! & 0xffn))).toEqual([
    29, 29, 30, 30,
  ])
  expect([registers.sp, registers.ip].map((value) => Number(value & 0xffn))).toEqual([31, 32])
  expect(low('w30')).toBe(0x8000_001en)
  expect(low('xzr')).toBe(0n)
  for (const name of ['x31', 'w31', 'x01', 'rax', 'x', 'sp0', '']) expect(registers.value(name)).toBeNull()
  const lines: string[] = []
  printRegisters(registers.fact(), (line = '') => lines.push(line))
  expect(lines.at(-1)).toBe(' pc=1111000080000020  psr=60000144 -ZC- EL1')
})

const file = sharedData('dumps/triage_arm64_22000.dmp')
describe.skipIf(file === null)('the real minidump (shared/data/dumps/triage_arm64_22000.dmp)', () => {
  const session = () => sessionOn(new FileSource(file!), NO_SYMBOLS)

  it("gives each processor the registers that its freeze saved: x18 is the processor's PCR", () => {
    const { target, processors, kdbg } = session()
    expect(processors).toHaveLength(8)
    for (const processor of processors) {
      const registers = target.registers(processor.number)
      expect(registers.value('x18')! + BigInt(kdbg!.offsetPcrContainedPrcb)).toBe(processor.prcb)
      expect(registers.ip >> 44n).toBe(0xfffffn)
    }
  })

  it('shows them, takes them in expressions, and says what is not read', async () => {
    const text = await say(session(), 'r; r w16,lr,psr; ? @pc; ~1s; r pc; k; r rax')
    expect(text).toContain(
      ' pc=fffff803f32de014  psr=80000144 N--- EL1\nnt+0x4de014:\nfffff803`f32de014 91010260 (no ',
    )
    expect(text).toContain('w16=80000001 lr=0000000000000000 psr=80000144\n')
    expect(text).toContain('= fffff803`f32de014\n')
    expect(text).toContain('pc=fffff803f318d180\n')
    expect(text).toMatch(/^stacks and code of ARM64 are not read: /m)
    expect(text).toContain("register 'rax' is not known")
  })
})
