import { createHash } from 'node:crypto'
import { type Gva, gpa, gva, PAGE_SIZE, pfn } from '@dumpstack/bytes'
import { createCpu } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { createMachine, type Machine, Owner } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { GuestMemory } from '@dumpstack/testkit'
import { describe, expect, it } from 'vitest'
import { readGuestImages } from '../node/guest-images.ts'
import { bootKernel } from './boot-kernel.ts'
import type { BootedKernel } from './contract.ts'
import { ramRuns } from './memory-layout.ts'

const MiB = 2 ** 20
const EPOCH_MS = Date.UTC(2024, 0, 1)
const images = readGuestImages(win10_19041)

function boot(options: { ramBytes?: number; cpuCount?: number; seed?: number } = {}): {
  machine: Machine
  kernel: BootedKernel
} {
  const { ramBytes = 64 * MiB, cpuCount = 2, seed = 1 } = options
  const machine = createMachine({ seed, runs: ramRuns(ramBytes), cpuCount, controllers: [] })
  const cpu = createCpu(machine, new IcedDecoder())
  return {
    machine,
    kernel: bootKernel({ machine, images, cpu, epochMs: EPOCH_MS, profile: win10_19041 }),
  }
}

const kernelMemory = (machine: Machine, kernel: BootedKernel) =>
  new GuestMemory(machine.ram, BigInt(kernel.directoryTableBase))
const exported = (kernel: BootedKernel, name: string): Gva => kernel.loadedImages[0]!.exportAddress(name)!

describe('a booted kernel', () => {
  const { machine, kernel } = boot({ ramBytes: 512 * MiB, cpuCount: 4 })
  const memory = kernelMemory(machine, kernel)

  it('lists the kernel first and the hal second, as debuggers expect', () => {
    const modules = memory.list(exported(kernel, 'PsLoadedModuleList')).map((entry) => ({
      base: memory.u64(entry + 0x30n),
      size: memory.u32(entry + 0x40n),
      fullName: memory.unicodeString(entry + 0x48n),
      baseName: memory.unicodeString(entry + 0x58n),
    }))
    expect(modules.map(({ fullName, baseName }) => [fullName, baseName])).toEqual([
      ['\\SystemRoot\\system32\\ntoskrnl.exe', 'ntoskrnl.exe'],
      ['\\SystemRoot\\system32\\hal.dll', 'hal.dll'],
    ])
    for (const { base, size } of modules) {
      expect(memory.u16(base)).toBe(0x5a4d)
      expect(memory.walk(base + BigInt(size) - 1n)).not.toBeNull()
      const end = base + BigInt(size)
      if (!modules.some((next) => next.base === end)) expect(memory.walk(end)).toBeNull()
    }
  })

  it('protects image pages as their sections ask', () => {
    const flags = (name: string) => {
      const leaf = memory.leaf(exported(kernel, name))
      return { write: (leaf & 2n) !== 0n, noExecute: leaf >> 63n === 1n, user: (leaf & 4n) !== 0n }
    }
    expect(flags('KeBugCheckEx')).toEqual({ write: false, noExecute: false, user: false })
    expect(flags('PsLoadedModuleList')).toEqual({ write: true, noExecute: true, user: false })
    expect(flags('NtBuildLab')).toEqual({ write: false, noExecute: true, user: false })
  })

  it('shows every page table entry through the self-map at KDBG.PteBase', () => {
    const kdbg = exported(kernel, 'KdDebuggerDataBlock')
    const pteBase = memory.u64(kdbg + 0x360n)
    expect(memory.u64(exported(kernel, 'MmPteBase'))).toBe(pteBase)
    for (const va of [exported(kernel, 'KeBugCheckEx'), 0xfffff78000000000n]) {
      const pte = pteBase + ((va & 0xffffffffffffn) >> 12n) * 8n
      expect(memory.u64(pte)).toBe(memory.leaf(va))
    }
  })

  it('has its first page table root where readers without symbols look for it', () => {
    expect(kernel.directoryTableBase).toBe(0x1ad000)
  })

  it('agrees with its own vaToGpa', () => {
    for (const image of kernel.loadedImages) {
      for (let offset = 0x123; offset < image.size; offset += PAGE_SIZE) {
        const va = gva(image.base + BigInt(offset))
        const leaf = memory.leaf(va)
        expect(kernel.vaToGpa(va)).toBe(Number((leaf & 0x000ffffffffff000n) | (va & 0xfffn)))
      }
    }
    expect(kernel.vaToGpa(gva(kernel.loadedImages[0]!.base - 1n))).toBeNull()
  })

  it('keeps the processes of a started system, each with threads and a stack', () => {
    const processes = memory.list(exported(kernel, 'PsActiveProcessHead')).map((links) => {
      const process = links - 0x448n
      return {
        name: new TextDecoder().decode(memory.read(process + 0x5a8n, 15)).replaceAll('\0', ''),
        id: Number(memory.u64(process + 0x440n)),
        cr3: memory.u64(process + 0x28n),
        threads: memory.list(process + 0x5e0n).map((entry) => entry - 0x4e8n),
        active: memory.u32(process + 0x5f0n),
      }
    })
    expect(processes.map(({ name }) => name)).toEqual([
      'System',
      'smss.exe',
      'csrss.exe',
      'wininit.exe',
      'crashdumptest.exe'.slice(0, 14),
    ])
    expect(processes[0]!.id).toBe(4)
    const threadIds = processes.flatMap(({ threads }) =>
      threads.map((thread) => Number(memory.u64(thread + 0x480n))),
    )
    const ids = [...processes.map(({ id }) => id), ...threadIds]
    expect(new Set(ids).size).toBe(ids.length)
    expect(memory.u64(exported(kernel, 'PsInitialSystemProcess')) + 0x448n).toBe(
      memory.u64(exported(kernel, 'PsActiveProcessHead')),
    )
    expect(new Set(processes.map(({ cr3 }) => cr3)).size).toBe(processes.length)
    for (const { cr3, threads, active } of processes) {
      expect(active).toBe(threads.length)
      expect(threads.length).toBeGreaterThan(0)
      // Every process maps the kernel as System does.
      const kernelBase = kernel.loadedImages[0]!.base
      expect(new GuestMemory(machine.ram, cr3).walk(kernelBase)).toEqual(memory.walk(kernelBase))
      for (const thread of threads) {
        const base = memory.u64(thread + 0x38n)
        expect(base - memory.u64(thread + 0x30n)).toBe(0x6000n)
        expect(memory.walk(base - 0x6001n)).toBeNull()
        expect(memory.u64(thread + 0x58n)).toBeLessThan(base)
      }
    }
  })

  it('gives each program a PEB whose loader knows ntdll.dll, and its thread a TEB', () => {
    const [, ...programs] = memory
      .list(exported(kernel, 'PsActiveProcessHead'))
      .map((links) => links - 0x448n)
    for (const process of programs) {
      const own = new GuestMemory(machine.ram, memory.u64(process + 0x28n))
      const peb = own.u64(process + 0x550n)
      const modules = own.list(own.u64(peb + 0x18n) + 0x10n)
      expect(modules.map((entry) => own.unicodeString(entry + 0x48n))).toEqual([
        'C:\\Windows\\SYSTEM32\\ntdll.dll',
      ])
      expect(modules.map((entry) => own.unicodeString(entry + 0x58n))).toEqual(['ntdll.dll'])
      expect(own.u16(own.u64(modules[0]! + 0x30n))).toBe(0x5a4d)
      const thread = own.list(process + 0x5e0n)[0]! - 0x4e8n
      const teb = own.u64(thread + 0xf0n)
      expect(own.u64(teb + 0x30n)).toBe(teb)
      expect(own.u64(teb + 0x60n)).toBe(peb)
      expect(own.u64(teb + 0x40n)).toBe(own.u64(process + 0x440n))
      expect(own.walk(own.u64(teb + 0x8n) - 1n)).not.toBeNull()
      expect(memory.walk(peb)).toBeNull()
    }
  })

  it('has a KPRCB for each processor, found through KiProcessorBlock and through gs', () => {
    expect(memory.u32(exported(kernel, 'KeNumberProcessors'))).toBe(4)
    const block = exported(kernel, 'KiProcessorBlock')
    for (let cpu = 0; cpu < 4; cpu++) {
      const prcb = memory.u64(block + BigInt(cpu * 8))
      const pcr = prcb - 0x180n
      expect(memory.u64(pcr + 0x18n)).toBe(pcr)
      expect(memory.u64(pcr + 0x20n)).toBe(prcb)
      expect(memory.u32(prcb + 0x24n)).toBe(cpu)
      expect(memory.u64(prcb + 0x8n)).toBe(memory.u64(prcb + 0x18n)) // runs its idle thread
      const special = prcb + 0x100n
      expect(memory.u64(special + 0x10n)).toBe(memory.cr3)
      expect(memory.u64(special + 0xa8n)).toBe(pcr)
      const gdt = memory.u64(special + 0x58n)
      // The task register's descriptor leads to the TSS, whose rsp0 is the idle thread's stack.
      const [low, high] = [memory.u64(gdt + 0x40n), memory.u64(gdt + 0x48n)]
      const tss = ((low >> 16n) & 0xffffffn) | ((low >> 56n) << 24n) | (high << 32n)
      expect(memory.u64(tss + 4n)).toBe(memory.u64(memory.u64(prcb + 0x18n) + 0x38n))
    }
    expect(memory.u64(block + 32n)).toBe(0n)
  })

  it('describes its memory in MmPhysicalMemoryBlock', () => {
    const descriptor = memory.u64(exported(kernel, 'MmPhysicalMemoryBlock'))
    const runs = machine.ram.runs
    expect(memory.u32(descriptor)).toBe(runs.length)
    expect(memory.u64(descriptor + 8n)).toBe(0x20000n)
    for (const [index, run] of runs.entries()) {
      const row = descriptor + 16n + BigInt(index * 16)
      expect([memory.u64(row), memory.u64(row + 8n)]).toEqual([BigInt(run.basePage), BigInt(run.pageCount)])
    }
  })

  it('shows the shared user page to the kernel and, read-only, to processes', () => {
    const shared = 0xfffff78000000000n
    expect(memory.u32(shared + 0x260n)).toBe(19041)
    expect(memory.u32(shared + 0x26cn)).toBe(10)
    expect(memory.utf16(shared + 0x30n, 20)).toBe('C:\\Windows')
    const smss = memory.u64(memory.u64(exported(kernel, 'PsActiveProcessHead'))) - 0x448n
    const user = new GuestMemory(machine.ram, memory.u64(smss + 0x28n))
    expect(user.frame(0x7ffe0000n)).toBe(memory.frame(shared))
    expect(user.leaf(0x7ffe0000n) & 6n).toBe(4n)
  })

  it('promises all of RAM to a full dump, and to a kernel dump what the kernel and the dump path own', () => {
    const { ram } = machine
    const dump = kernel.allocate(3 * PAGE_SIZE, { owner: Owner.dumpPath })
    const full = kernel.promised('full')
    const kernelDump = kernel.promised('kernel')
    expect(full.size).toBe(0x20000)
    const counts = { kernelUnwritten: 0, userWritten: 0, userUnwritten: 0, freeWritten: 0, dumpPath: 0 }
    for (const run of ram.runs) {
      for (let page: number = run.basePage; page < run.basePage + run.pageCount; page++) {
        const owner = ram.owner(pfn(page))
        const isWritten = ram.used.has(pfn(page))
        const isOwned = owner === Owner.kernel || owner === Owner.dumpPath
        if (kernelDump.has(pfn(page)) !== isOwned) throw new Error(`page ${page} of owner ${owner}`)
        if (owner === Owner.kernel && !isWritten) counts.kernelUnwritten++
        if (owner === Owner.user) counts[isWritten ? 'userWritten' : 'userUnwritten']++
        if (owner === Owner.free && isWritten) counts.freeWritten++
        if (owner === Owner.dumpPath) counts.dumpPath++
      }
    }
    expect(counts.kernelUnwritten).toBe(0x20000 / 16)
    expect(counts.userWritten).toBeGreaterThan(1000)
    expect(counts.userUnwritten).toBeGreaterThan(counts.userWritten)
    expect(counts.freeWritten).toBe(1024)
    expect(counts.dumpPath).toBe(3)
    expect(kernelDump.has(pfn(dump.gpa / PAGE_SIZE))).toBe(true)
  })

  it('owns, as the kernel, every page that its tables, images and stacks lie in', () => {
    const owned = (va: bigint) => machine.ram.owner(pfn(memory.frame(va)))
    for (const image of kernel.loadedImages) {
      for (let at = 0; at < image.size; at += PAGE_SIZE)
        expect(owned(image.base + BigInt(at))).toBe(Owner.kernel)
    }
    for (const entry of memory.walk(exported(kernel, 'KeBugCheckEx'))!.slice(0, 3)) {
      expect(machine.ram.owner(pfn(Number((entry >> 12n) & 0xfffffffffn)))).toBe(Owner.kernel)
    }
  })
})

describe('memory for drivers', () => {
  const { machine, kernel } = boot()
  const memory = kernelMemory(machine, kernel)

  it('is contiguous, zeroed, mapped and tagged', () => {
    const block = kernel.allocate(5 * PAGE_SIZE + 1, { owner: Owner.dumpPath })
    expect(block.byteLength).toBe(5 * PAGE_SIZE + 1)
    for (let page = 0; page < 6; page++) {
      const va = gva(block.va + BigInt(page * PAGE_SIZE))
      expect(kernel.vaToGpa(va)).toBe(block.gpa + page * PAGE_SIZE)
      expect(machine.ram.owner(pfn(block.gpa / PAGE_SIZE + page))).toBe(Owner.dumpPath)
    }
    expect(memory.read(block.va, 6 * PAGE_SIZE).every((byte) => byte === 0)).toBe(true)
    expect(block.gpa).toBeGreaterThan(2 ** 32)
  })

  it('comes from below 4 GiB for devices that reach no higher', () => {
    expect(kernel.allocate(65536, { owner: Owner.kernel, below4GiB: true }).gpa).toBeLessThan(0xc0000000)
  })

  it('maps a register window once, uncached, wherever it begins', () => {
    const window = kernel.mapIoSpace(gpa(0xe0000100), 0x1000)
    expect(kernel.vaToGpa(window)).toBe(0xe0000100)
    expect(kernel.vaToGpa(gva(window + 0xfffn))).toBe(0xe00010ff)
    expect(memory.leaf(window) & 0x10n).toBe(0x10n)
    expect(kernel.mapIoSpace(gpa(0xe0000100), 0x1000)).toBe(window)
    expect(kernel.mapIoSpace(gpa(0xe0000100), 0x2000)).not.toBe(window)
  })

  it('says so when no free pages in a row are left', () => {
    expect(() => kernel.allocate(64 * MiB, { owner: Owner.kernel })).toThrow(
      /^physical memory has no 0x4000 free pages in a row$/,
    )
  })
})

describe('driver images', () => {
  it('are bound to the exports of the images that they name', () => {
    const { machine, kernel } = boot()
    const memory = kernelMemory(machine, kernel)
    const before = machine.ram.used.size
    const crashtst = kernel.loadImage('crashtst.sys', 'crashtst.sys')
    expect(machine.ram.used.size).toBeGreaterThan(before)
    const slots: bigint[] = []
    for (let at = 0; at + 8 <= crashtst.size; at += 8) slots.push(memory.u64(crashtst.base + BigInt(at)))
    for (const name of ['KeBugCheckEx', 'DbgPrint', 'IoCreateDevice']) {
      expect(slots.filter((slot) => slot === exported(kernel, name))).toHaveLength(1)
    }
  })

  it('of the dump stack import from the dump copy of the port driver', () => {
    const { machine, kernel } = boot()
    const memory = kernelMemory(machine, kernel)
    const storport = kernel.loadImage('storport.sys', 'storport.sys')
    const dumpPort = kernel.loadImage('diskdump.sys', 'dump_storport.sys')
    const imports = (base: Gva, size: number, name: string, port: Gva) => {
      for (let at = 0; at + 8 <= size; at += 8) if (memory.u64(base + BigInt(at)) === port) return true
      throw new Error(`no slot holds ${name}`)
    }
    const name = 'StorPortInitialize'
    const running = kernel.loadImage('storahci.sys', 'storahci.sys')
    const dumping = kernel.loadImage('storahci.sys', 'dump_storahci.sys')
    expect(imports(running.base, running.size, name, storport.exportAddress(name)!)).toBe(true)
    expect(imports(dumping.base, dumping.size, name, dumpPort.exportAddress(name)!)).toBe(true)
  })

  it('move to the unloaded list, their names cut to 12 characters, and free their memory', () => {
    const { machine, kernel } = boot()
    const memory = kernelMemory(machine, kernel)
    const storport = kernel.loadImage('storport.sys', 'dump_storport.sys')
    const page = kernel.vaToGpa(storport.base)! / PAGE_SIZE
    machine.stall(1_000_000)
    kernel.unloadImage(storport)
    expect(kernel.vaToGpa(storport.base)).toBeNull()
    expect(machine.ram.owner(pfn(page))).toBe(Owner.free)
    expect(memory.list(exported(kernel, 'PsLoadedModuleList'))).toHaveLength(2)
    const rows = memory.u64(exported(kernel, 'MmUnloadedDrivers'))
    expect(memory.u32(exported(kernel, 'MmLastUnloadedDriver'))).toBe(1)
    expect(memory.unicodeString(rows)).toBe('dump_storpor')
    expect(memory.u64(rows + 0x10n)).toBe(storport.base)
    expect(memory.u64(rows + 0x18n)).toBe(storport.base + BigInt(storport.size))
    // FILETIME of 2024-01-01T00:00:01Z and a little: what the kernel's code took.
    const unloadedAt = memory.u64(rows + 0x20n)
    const late = unloadedAt - (BigInt(EPOCH_MS) + 1000n + 11644473600000n) * 10000n
    expect(late >= 0n && late < 1000n).toBe(true)
    expect(kernel.unloadedImages).toEqual([
      {
        name: 'dump_storpor',
        start: storport.base,
        end: gva(storport.base + BigInt(storport.size)),
        unloadedAt,
      },
    ])
    expect(() => kernel.unloadImage(storport)).toThrow(/^image dump_storport.sys at fffff8.* is not loaded$/)
  })

  it('are not entered where an import is missing', () => {
    const { kernel } = boot()
    expect(() => kernel.loadImage('storahci.sys', 'storahci.sys')).toThrow(
      /^storahci.sys imports from storport.sys, which is not loaded$/,
    )
    kernel.loadImage('crashdmp.sys', 'storport.sys')
    expect(() => kernel.loadImage('storahci.sys', 'storahci.sys')).toThrow(
      /^storahci.sys imports StorPort[A-Za-z]+ from storport.sys, which storport.sys does not export$/,
    )
    expect(kernel.loadedImages.map(({ baseName }) => baseName)).toEqual([
      'ntoskrnl.exe',
      'hal.dll',
      'storport.sys',
    ])
  })

  it('leave the oldest of 50 rows to the next one that is unloaded', () => {
    const { machine, kernel } = boot()
    const memory = kernelMemory(machine, kernel)
    for (let index = 0; index < 51; index++) {
      kernel.unloadImage(kernel.loadImage('storport.sys', `unload${index}.sys`))
    }
    const rows = memory.u64(exported(kernel, 'MmUnloadedDrivers'))
    expect(memory.unicodeString(rows)).toBe('unload50.sys')
    expect(memory.unicodeString(rows + 0x28n)).toBe('unload1.sys')
    expect(memory.u32(exported(kernel, 'MmLastUnloadedDriver'))).toBe(1)
    expect(kernel.unloadedImages).toHaveLength(50)
    expect(kernel.unloadedImages[0]!.name).toBe('unload1.sys')
  })

  it('must be installed', () => {
    const { kernel } = boot()
    expect(() => kernel.loadImage('pvscsi.sys', 'pvscsi.sys')).toThrow(/^image pvscsi.sys is not installed$/)
  })
})

describe('determinism', () => {
  const digest = (machine: Machine) => {
    const hash = createHash('sha256')
    const page = new Uint8Array(PAGE_SIZE)
    for (const run of machine.ram.used.runs()) {
      hash.update(`${run.basePage}+${run.pageCount}`)
      for (let i = 0; i < run.pageCount; i++) {
        machine.ram.read(gpa((run.basePage + i) * PAGE_SIZE), page)
        hash.update(page)
      }
    }
    return hash.digest('hex')
  }

  it('gives the same bytes for the same seed and another kernel base for another seed', () => {
    const first = boot({ seed: 7 })
    expect(digest(boot({ seed: 7 }).machine)).toBe(digest(first.machine))
    expect(boot({ seed: 8 }).kernel.loadedImages[0]!.base).not.toBe(first.kernel.loadedImages[0]!.base)
  })
})

it.each([1, 64])('boots with %d processors in 64 MiB', (cpuCount) => {
  const { machine, kernel } = boot({ cpuCount })
  expect(kernelMemory(machine, kernel).u32(exported(kernel, 'KeNumberProcessors'))).toBe(cpuCount)
})

it('refuses a 65th processor', () => {
  expect(() => boot({ cpuCount: 65 })).toThrow(/^the machine has 65 processors, expected at most 64$/)
})
