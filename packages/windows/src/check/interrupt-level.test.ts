// Interrupts stay out while a dump is written: HIGH_LEVEL and a clear interrupt flag, which KeBugCheckEx leaves (Bug Check callbacks and dump
// drivers run so, by the public documentation). A miniport that lets them in is found at the instruction or call.
import { buildPe } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { type PortCalls, portCallsWith, type Step } from './port-calls.test-support.ts'

const machineWith = portCallsWith(buildPe)
const driverThat = (...findAdapter: Step[]): PortCalls => machineWith({ findAdapter })

const toCr8 = (level: number): Step => ({ code: [0x31, 0xc0, 0xb0, level, 0x44, 0x0f, 0x22, 0xc0] }) // xor eax, eax; mov al; mov cr8, rax
const STI: Step = { code: [0xfb] }
const SET_BY_POPFQ: Step = { code: [0x9c, 0x81, 0x0c, 0x24, 0, 2, 0, 0, 0x9d] } // pushfq; or dword [rsp], 0x200; popfq
const KEEPS_OUT: Step = { code: [0x9c, 0xfa, 0x9d] } // pushfq; cli; popfq

it.each<[string, Step, string, RegExp]>([
  ['lowers the IRQL by cr8', toCr8(2), 'DM-07 mov cr8', /lowered the IRQL to 2, expected HIGH_LEVEL/],
  ['lowers it by a call', ['KeLowerIrql', 0], 'DM-07 KeLowerIrql', /lowered the IRQL to 0/],
  ['releases a lock to a lower one', ['KeReleaseSpinLock', 0, 2], 'DM-07 KeReleaseSpinLock', /to 2/],
  ['lets interrupts in', STI, 'DM-18 sti', /let interrupts in, expected none/],
  ['lets them in with its flags', SET_BY_POPFQ, 'DM-18 popfq', /let interrupts in/],
])('finds a dump driver that %s', (_what, step, finding, message) => {
  const calls = driverThat(step).crash()
  expect(calls.findings).toContain(finding)
  const violation = calls.report!.violations.find(({ rule, call }) => `${rule} ${call}` === finding)!
  expect(violation).toMatchObject({ irql: 'HIGH_LEVEL', message: expect.stringMatching(message) })
})

it('says at which instruction', () => {
  const calls = driverThat(STI).crash()
  const { bytes } = calls.report!.violations.find(({ rule }) => rule === 'DM-18')!
  expect(bytes).toMatch(/^fb /)
  const lowered = driverThat(toCr8(2))
    .crash()
    .report!.violations.find(({ rule }) => rule === 'DM-07')!
  expect(lowered.bytes).toMatch(/^44 0f 22 c0 /)
})

it('finds nothing in a dump driver that keeps them out, or in a running one', () => {
  const careful = driverThat(KEEPS_OUT, toCr8(15), ['KfRaiseIrql', 15], ['KeLowerIrql', 15]).crash()
  expect(careful.findings.filter((finding) => /DM-07|DM-18/.test(finding))).toEqual([])
  const running = driverThat(STI, ['KfRaiseIrql', 2], toCr8(0), SET_BY_POPFQ).run()
  expect(running.error).toMatchObject({ code: 'ADAPTER_NOT_FOUND' })
})
