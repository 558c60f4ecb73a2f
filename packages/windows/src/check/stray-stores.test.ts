// Stores of a dump driver into memory outside the dump path: the instruction, or the call of a copy, that wrote each page first.
import { pfn } from '@dumpstack/bytes'
import { buildPe } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { at, portCallsWith, type Step } from './port-calls.test-support.ts'

const machineWith = portCallsWith(buildPe)
/** A variable of the kernel lies there in each of these machines, which have one seed. */
const variable = (): bigint =>
  machineWith({}).kernel.loadImage('ntoskrnl.exe', 'ntoskrnl.exe').exportAddress('NtBuildNumber')!

function storesOf(findAdapter: readonly Step[]) {
  const calls = machineWith({ findAdapter }).crash()
  const page = (address: bigint) => pfn(Math.floor(calls.kernel.vaToGpa(address as never)! / 4096))
  return { page, stores: calls.report!.strayStores! }
}

it('names the instruction that stores', () => {
  const address = variable()
  const { page, stores } = storesOf([
    { to: address, offset: 0, bytes: 4, value: 0x11223344 },
    { to: address, offset: 4, bytes: 4, value: 0x55667788 },
  ])
  expect([...stores.keys()]).toEqual([page(address)])
  const { entryPoint, site } = stores.get(page(address))!
  expect(entryPoint).toBe('HwFindAdapter')
  // mov dword [rax], 0x11223344
  expect([...site.bytes.subarray(0, 10)]).toEqual([0xc7, 0x80, 0, 0, 0, 0, 0x44, 0x33, 0x22, 0x11])
  expect(site.stack[0]).toMatch(/^dump_calls\+/)
})

it('names the call that copies, with what it was given', () => {
  const address = variable()
  const { page, stores } = storesOf([['RtlCopyMemory', address, at(0), 8]])
  expect(stores.get(page(address))?.site.arguments.slice(0, 1)).toEqual([`0x${address.toString(16)}`])
})

it('knows of none where the driver writes its own memory, and a device others', () => {
  const { stores } = storesOf([
    { to: at(0x100), offset: 0, bytes: 4, value: 1 },
    ['RtlCopyMemory', at(0x200), at(0), 8],
  ])
  expect(stores.size).toBe(0)
})
