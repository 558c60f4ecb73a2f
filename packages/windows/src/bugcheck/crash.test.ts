import { endOfRuns, gpa, gva, MemorySource, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import { createCpu } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import {
  openDump,
  planDump,
  planTriageDump,
  readModules,
  readSecondaryData,
  verifyDump,
} from '@dumpstack/dumpfile'
import { parsePe } from '@dumpstack/image'
import { createMachine, type Machine, Owner } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { GuestMemory, type UnwindModule, type UnwoundFrame, unwindStack } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { bootKernel } from '../boot/boot-kernel.ts'
import type { BootedKernel } from '../boot/contract.ts'
import { ramRuns } from '../boot/memory-layout.ts'
import { readGuestImages } from '../node/guest-images.ts'

const images = readGuestImages(win10_19041)
const bugcheck = { code: 0xe2, parameters: [0x11n, 0x22n, 0x33n, 0xffff800012345678n] } as const

function crashed(
  cpuCount: number,
  cpu: number,
): { machine: Machine; kernel: BootedKernel; memory: GuestMemory } {
  const machine = createMachine({ seed: 3, runs: ramRuns(64 * 2 ** 20), cpuCount, controllers: [] })
  const kernel = bootKernel({
    machine,
    images,
    cpu: createCpu(machine, new IcedDecoder()),
    epochMs: Date.UTC(2024, 0, 1),
    profile: win10_19041,
  })
  kernel.loadCrashDriver()
  machine.stall(2_003_000)
  const truth = kernel.bugcheck(bugcheck, cpu)
  return { machine, kernel, memory: new GuestMemory(truth, BigInt(kernel.dumpFacts().directoryTableBase)) }
}

/** The function that holds an address: the last export at or before it. */
function functionName(kernel: BootedKernel, frame: UnwoundFrame): string {
  const image = kernel.loadedImages.find(({ baseName }) => baseName === frame.module)
  if (image === undefined) return 'user mode'
  const rva = Number(frame.rip - image.base)
  const before = [...parsePe(images.get(image.nameOnDisk)!).exports].filter(([, at]) => at <= rva)
  return before.reduce((best, next) => (next[1] > best[1] ? next : best))[0]
}

const modules = (kernel: BootedKernel): UnwindModule[] =>
  kernel.loadedImages.map(({ baseName, base, size }) => ({ name: baseName, base, size }))

/** CONTEXT by the offsets of winnt.h. */
function context(memory: GuestMemory, at: bigint): { rip: bigint; registers: bigint[] } {
  return {
    rip: memory.u64(at + 0xf8n),
    registers: Array.from({ length: 16 }, (_, index) => memory.u64(at + 0x78n + BigInt(index * 8))),
  }
}

const symbol = (kernel: BootedKernel, name: string): bigint => kernel.loadedImages[0]!.exportAddress(name)!
const kprcb = (memory: GuestMemory, kernel: BootedKernel, cpu: number): bigint =>
  memory.u64(symbol(kernel, 'KiProcessorBlock') + BigInt(cpu * 8))

const CRASH_STACK = [
  'KeBugCheckEx',
  'CrashTestTriggerBugcheck',
  'CrashTestDeviceControl',
  'IofCallDriver',
  'IopSynchronousServiceTail',
  'IopXxxControlFile',
  'NtDeviceIoControlFile',
  'KiSystemServiceCopyEnd',
  'user mode',
]
const IDLE_STACK = [
  'HalProcessorIdle',
  'PpmIdleDefaultExecute',
  'PpmIdleExecuteTransition',
  'PoIdle',
  'KiIdleLoop',
]

describe.each([
  [1, 0],
  [4, 2],
  [64, 63],
])('a crash on a machine of %d processors, on processor %d', (cpuCount, cpu) => {
  const { machine, kernel, memory } = crashed(cpuCount, cpu)
  const names = (frames: readonly UnwoundFrame[]) => frames.map((frame) => functionName(kernel, frame))

  it('leaves each processor a context that unwinds to where it was', () => {
    for (let number = 0; number < cpuCount; number++) {
      const prcb = kprcb(memory, kernel, number)
      const at = memory.u64(prcb + 0x85c0n)
      const frames = unwindStack(memory, modules(kernel), context(memory, at))
      expect(names(frames)).toEqual(number === cpu ? CRASH_STACK : IDLE_STACK)
      const thread = memory.u64(prcb + 0x8n)
      const [limit, base] = [memory.u64(thread + 0x30n), memory.u64(thread + 0x38n)]
      for (const { rip, rsp } of frames) {
        if (rip < 0xffff800000000000n) continue
        expect(rsp > limit && rsp <= base).toBe(true)
      }
      // The other places that debuggers look at say the same.
      expect(memory.read(prcb + 0x100n + 0xf0n, 0x4d0)).toEqual(memory.read(at, 0x4d0))
      expect(memory.u32(at + 0x30n)).toBe(0x10001f)
      expect(memory.u32(at + 0x34n)).toBe(memory.u32(at + 0x118n))
      expect(memory.u8(prcb - 0x180n + 0x50n)).toBe(15)
      expect(memory.u32(prcb + 0x2d88n)).toBe(number === cpu ? 0 : 2)
    }
  })

  it('runs the test program on the crashing processor and idles on the others', () => {
    for (let number = 0; number < cpuCount; number++) {
      const prcb = kprcb(memory, kernel, number)
      const [current, idle] = [memory.u64(prcb + 0x8n), memory.u64(prcb + 0x18n)]
      expect(current !== idle).toBe(number === cpu)
      const process = memory.u64(current + 0xb8n)
      const name = new TextDecoder().decode(memory.read(process + 0x5a8n, 14)).replaceAll('\0', '')
      expect(name).toBe(number === cpu ? 'crashdumptest.' : 'Idle')
      expect(memory.u64(prcb + 0x100n + 0x10n)).toBe(memory.u64(process + 0x28n))
      expect(memory.u8(current + 0x184n)).toBe(2)
      expect(memory.u64(prcb + 0x100n + 0xb0n)).toBe(memory.u64(current + 0xf0n)) // swapgs: the TEB
    }
  })

  it('shows threads that wait where they gave up the processor', () => {
    const stacks = memory.list(symbol(kernel, 'PsActiveProcessHead')).flatMap((links) =>
      memory.list(links - 0x448n + 0x5e0n).map((entry) => {
        const thread = entry - 0x4e8n
        if (memory.u8(thread + 0x184n) !== 5) return []
        const frame = memory.u64(thread + 0x58n)
        const registers = Array.from({ length: 16 }, () => 0n)
        registers[4] = frame + 0x40n
        registers[5] = memory.u64(frame + 0x30n)
        return names(unwindStack(memory, modules(kernel), { rip: memory.u64(frame + 0x38n), registers }))
      }),
    )
    const waiting = stacks.filter((stack) => stack.length > 0)
    expect(waiting).toHaveLength(7)
    for (const stack of waiting) {
      expect(stack.slice(0, 3)).toEqual(['KiSwapContext', 'KiSwapThread', 'KeWaitForSingleObject'])
      expect(['KiStartSystemThread', 'user mode']).toContain(stack.at(-1))
    }
  })

  it('records the bugcheck for the header and in KiBugCheckData', () => {
    const facts = kernel.dumpFacts()
    const data = symbol(kernel, 'KiBugCheckData')
    const values = [BigInt(bugcheck.code), ...bugcheck.parameters]
    expect([0n, 1n, 2n, 3n, 4n].map((index) => memory.u64(data + index * 8n))).toEqual(values)
    expect([BigInt(facts.bugcheckCode), ...facts.bugcheckParameters]).toEqual(values)
    expect(facts).toMatchObject({
      build: 19041,
      processorCount: cpuCount,
      physicalMemory: machine.ram.runs,
      kdDebuggerDataBlock: symbol(kernel, 'KdDebuggerDataBlock'),
      pfnDataBase: symbol(kernel, 'MmPfnDatabase'),
    })
    // 2.003 s after power on, and a little: what the kernel's code took.
    const late = facts.systemUpTime - 20_030_000n
    expect(late >= 0n && late < 20_000n).toBe(true)
    expect(facts.systemTime - facts.systemUpTime).toBe(
      (BigInt(Date.UTC(2024, 0, 1)) + 11644473600000n) * 10000n,
    )
    const header = new DataView(facts.contextRecord.buffer)
    expect(header.getBigUint64(0xf8, true)).toBe(symbol(kernel, 'KeBugCheckEx'))
    // KeBugCheckEx(code, p1, p2, p3, p4) by the calling convention: four in registers, the fifth after the home space.
    expect([0x80, 0x88, 0xb8, 0xc0].map((at) => header.getBigUint64(at, true))).toEqual(values.slice(0, 4))
    expect(memory.u64(header.getBigUint64(0x98, true) + 0x28n)).toBe(values[4])
    const exception = new DataView(facts.exceptionRecord.buffer)
    expect(exception.getUint32(0, true)).toBe(0x80000003)
    const unset = facts.exceptionRecord.subarray(0x1c) // pad and ExceptionInformation
    expect(Buffer.from(unset).toString('latin1')).toBe('PAGE'.repeat(31))
    expect([...facts.exceptionRecord.subarray(4, 16)]).toEqual(Array.from({ length: 12 }, () => 0))
    expect(exception.getUint32(0x18, true)).toBe(0)
    expect(exception.getBigUint64(0x10, true)).toBe(symbol(kernel, 'KeBugCheckEx'))
    // The shared page has the time of the last clock interrupt, at most 15.625 ms ago.
    const ago = facts.systemTime - memory.u64(0xfffff78000000014n)
    expect(ago >= 0n && ago < 156_250n).toBe(true)
  })

  it('keeps a page frame database whose rows lead to the entries that map the pages', () => {
    const database = memory.u64(kernel.dumpFacts().pfnDataBase)
    const word = new Uint8Array(8)
    const seen = { active: 0, free: 0, inWindow: 0 }
    for (const run of machine.ram.runs) {
      for (let page: number = run.basePage; page < run.basePage + run.pageCount; page += 7) {
        const row = new DataView(memory.read(database + BigInt(page * 0x30), 0x30).buffer)
        const owner = machine.ram.owner(pfn(page))
        const location = row.getUint8(0x22) & 7
        expect(location).toBe(owner === Owner.free ? 1 : 6)
        if (location === 1) {
          seen.free++
          continue
        }
        seen.active++
        const pteAddress = row.getBigUint64(8, true)
        const table = Number(row.getBigUint64(0x28, true) & 0xfffffffffn)
        memory.ram.read(table * PAGE_SIZE + Number(pteAddress & 0xfffn), word)
        const entry = new DataView(word.buffer).getBigUint64(0, true)
        expect(Number((entry >> 12n) & 0xfffffffffn)).toBe(page)
        // What is not another process' own shows in this process' window on the tables too.
        if (memory.walk(pteAddress) === null || memory.frame(pteAddress) !== table) continue
        seen.inWindow++
        expect(memory.u64(pteAddress)).toBe(entry)
      }
    }
    expect(seen.active).toBeGreaterThan(300)
    expect(seen.free).toBeGreaterThan(1000)
    expect(seen.inWindow).toBeGreaterThan(150)
  })

  it('stops the machine: interrupts off, the truth kept, no second crash', () => {
    expect(machine.interruptsEnabled).toBe(false)
    const at = gpa(0x100000)
    const before = new Uint8Array(PAGE_SIZE)
    memory.ram.read(at, before)
    machine.ram.write(at, new Uint8Array(PAGE_SIZE).fill(0xee))
    const after = new Uint8Array(PAGE_SIZE)
    memory.ram.read(at, after)
    expect(after).toEqual(before)
    expect(machine.evidence.writes.pages.size).toBe(1)
    expect(() => kernel.bugcheck(bugcheck, cpu)).toThrow(/^the system has crashed already$/)
  })
})

it.each(['full', 'kernel'] as const)('makes a %s dump that the dump room accepts', (type) => {
  const { machine, kernel } = crashed(2, 1)
  const promised = kernel.promised(type)
  const plan = planDump({
    dumpType: type === 'full' ? 5 : 6,
    facts: kernel.dumpFacts(),
    promised,
    fileByteLength: (endOfRuns(machine.ram.runs) + 512) * PAGE_SIZE,
  })
  const file = new Uint8Array(plan.byteLength)
  for (const extent of plan.extents()) {
    if ('bytes' in extent) file.set(extent.bytes, extent.at)
    else
      machine.ram.read(
        gpa(extent.pfn * PAGE_SIZE),
        file.subarray(extent.at, extent.at + extent.pageCount * PAGE_SIZE),
      )
  }
  const source = new MemorySource(file)
  const { loaded } = readModules(openDump(source))
  expect(loaded.map(({ baseName }) => baseName)).toEqual(['ntoskrnl.exe', 'hal.dll', 'crashtst.sys'])
  const steps = verifyDump(source, { allPages: false })
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done !== true) continue
    expect(step.value.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
    expect(step.value.verdict).toBe('pass')
    break
  }
})

it('makes a minidump with the stack of the crash, every processor, and what debuggers start from', () => {
  const { kernel, memory } = crashed(3, 1)
  const read = (address: bigint, into: Uint8Array): number => {
    for (let i = 0; i < into.byteLength; i++) into[i] = memory.u8(address + BigInt(i))
    return into.byteLength
  }
  const triage = kernel.triageFacts()
  const plan = planTriageDump({
    facts: kernel.dumpFacts(),
    triage,
    memory: { read },
    fileByteLength: 2 ** 21,
  })
  const file = new Uint8Array(plan.byteLength)
  for (const extent of plan.extents()) if ('bytes' in extent) file.set(extent.bytes, extent.at)
  const view = new DataView(file.buffer)
  const source = new MemorySource(file)
  const dump = openDump(source)
  const crashing = kprcb(memory, kernel, 1)
  const rsp = context(memory, memory.u64(crashing + 0x85c0n)).registers[4]!
  expect(view.getBigUint64(0x2048, true)).toBe(rsp)
  const callStack = view.getUint32(0x2028, true)
  expect(view.getBigUint64(callStack, true)).toBe(memory.u64(rsp))
  expect(dump.triage?.prcb?.address).toBe(crashing)
  expect(dump.triage?.thread?.address).toBe(memory.u64(crashing + 8n))
  const blocks = dump.triage!.blocks.map(({ address }) => address as bigint)
  for (const cpu of [0, 1, 2]) {
    const prcb = kprcb(memory, kernel, cpu)
    expect(blocks).toContain(prcb)
    expect(blocks).toContain(memory.u64(prcb + 0x85c0n))
    const stack = context(memory, memory.u64(prcb + 0x85c0n)).registers[4]!
    const top = new Uint8Array(8)
    expect(dump.virtual().read(gva(stack), top)).toBe(8)
    expect(new DataView(top.buffer).getBigUint64(0, true)).toBe(memory.u64(stack))
  }
  expect(blocks).toContain(symbol(kernel, 'KiProcessorBlock'))
  expect(readModules(dump).loaded.map(({ fullName }) => fullName)).toEqual([
    '\\SystemRoot\\system32\\ntoskrnl.exe',
    '\\SystemRoot\\system32\\hal.dll',
    '\\SystemRoot\\System32\\drivers\\crashtst.sys',
  ])
  // _KBUGCHECK_REASON_CALLBACK_RECORD of wdm.h: checksum at 0x20 sums routine, reason and component; after it ours
  const record = memory.u64(symbol(kernel, 'KeBugCheckReasonCallbackListHead'))
  expect(memory.u64(record)).toBe(symbol(kernel, 'KeBugCheckReasonCallbackListHead'))
  const sum = memory.u64(record + 0x10n) + memory.u64(record + 0x18n) + 2n
  expect(memory.u64(record + 0x20n)).toBe(BigInt.asUintN(64, sum))
  const [blob, ...others] = readSecondaryData(dump)
  expect(others).toEqual([])
  expect(blob).toMatchObject({ tag: '6D0A5B0E-7B1C-4F0B-9E55-3C2A1D7F4E61', byteLength: 0x24 })
  const kept = new Uint8Array(0x24)
  read(memory.u64(record + 0x40n), kept)
  expect(file.subarray(blob!.offset, blob!.offset + 0x24)).toEqual(kept)
  expect(new TextDecoder().decode(kept.subarray(0, 4))).toBe('CTST')
  expect(new DataView(kept.buffer).getBigUint64(0x10, true)).toBe(readModules(dump).loaded[2]!.base)

  const steps = verifyDump(source, { allPages: false })
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  expect(step.value.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])
})

it('needs the crash driver, and a processor that exists', () => {
  const machine = createMachine({ seed: 3, runs: ramRuns(64 * 2 ** 20), cpuCount: 2, controllers: [] })
  const cpu = createCpu(machine, new IcedDecoder())
  const kernel = bootKernel({ machine, images, cpu, epochMs: 0, profile: win10_19041 })
  expect(() => kernel.dumpFacts()).toThrow(/^the system has not crashed$/)
  expect(() => kernel.triageFacts()).toThrow(/^the system has not crashed$/)
  expect(() => kernel.bugcheck(bugcheck, 0)).toThrow(
    /^crashtst.sys is not loaded: nothing can ask for a bugcheck$/,
  )
  expect(() => kernel.bugcheck(bugcheck, 2)).toThrow(/^processor 2 does not exist, the machine has 2$/)
})
