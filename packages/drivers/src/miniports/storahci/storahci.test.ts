import { expect, it } from 'vitest'
import { startedMiniport, text } from '../disk/disk-miniport.test-support.ts'
import { storahci } from './index.ts'

it('answers INQUIRY with what IDENTIFY DEVICE brought, the serial number as long as ATA has it', () => {
  const { send } = startedMiniport(storahci)
  const { data } = send([0x12, 0, 0, 0, 96, 0], { length: 96 })
  expect(text(data.subarray(8, 32))).toBe('ATA     Dumpstack Disk  ')
  const serialNumber = send([0x12, 1, 0x80, 0, 64, 0], { length: 64 }).data.subarray(4)
  expect(text(serialNumber)).toBe('DS0001'.padEnd(20))
})

it('flushes for SYNCHRONIZE CACHE and for SRB_FUNCTION_FLUSH, and lets the disk sleep at SHUTDOWN', () => {
  const { send, machine } = startedMiniport(storahci)
  expect(send([0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0]).status).toBe(1)
  expect(send([], { srbFunction: 0x08 }).status).toBe(1)
  expect(machine.disks[0]!.flushCount).toBe(2)
  expect(send([], { srbFunction: 0x07 }).status).toBe(1)
})
