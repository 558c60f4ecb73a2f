// The blocks that a process keeps of itself in user memory: PEB, loader data with the module list, and a TEB. The only
// module is ntdll.dll: the programs themselves are not modelled, so PEB.ImageBaseAddress is 0.
import { type Gva, gva, PAGE_SIZE } from '@dumpstack/bytes'
import type { PeImage } from '@dumpstack/image'
import { Owner } from '@dumpstack/machine'
import type { Profile } from '@dumpstack/nt'
import type { AddressSpace } from './address-space.ts'
import { initializeListHead, insertTailList } from './linked-list.ts'
import type { KernelThread } from './threads-and-processes.ts'
import { utf16Bytes } from './unicode-string.ts'
import { USER_READ_WRITE } from './user-memory.ts'

const PEB_OFFSET = 0
const TEB_OFFSET = PAGE_SIZE
const LOADER_OFFSET = 3 * PAGE_SIZE
export const ENVIRONMENT_PAGES = 4

const MODULE_OFFSET = LOADER_OFFSET + 0x100
const VER_PLATFORM_WIN32_NT = 2
const SYSTEM_FOLDER = 'C:\\Windows\\SYSTEM32\\'

export interface EnvironmentOptions {
  /** The address space of the process. */
  readonly space: AddressSpace
  /** Where the ENVIRONMENT_PAGES begin. */
  readonly base: Gva
  readonly thread: KernelThread
  readonly stack: { readonly base: Gva; readonly limit: Gva }
  readonly module: { readonly name: string; readonly base: Gva; readonly pe: PeImage }
  readonly profile: Profile
  readonly processorCount: number
}

/** Lays the blocks and enters them in EPROCESS and KTHREAD. */
export function layProcessEnvironment(options: EnvironmentOptions): void {
  const { space, base, thread, profile } = options
  const { Eprocess, Kthread, Peb, Teb } = profile.layouts
  space.commitZeroed(base, ENVIRONMENT_PAGES, Owner.user, USER_READ_WRITE)
  const peb = gva(base + BigInt(PEB_OFFSET))
  const teb = gva(base + BigInt(TEB_OFFSET))
  const loader = gva(base + BigInt(LOADER_OFFSET))

  const pebBytes = new Uint8Array(Peb.size)
  const pebView = Peb.of(pebBytes)
  pebView.ldr = loader
  pebView.numberOfProcessors = options.processorCount
  pebView.osMajorVersion = profile.majorVersion
  pebView.osMinorVersion = profile.minorVersion
  pebView.osBuildNumber = profile.build
  pebView.osPlatformId = VER_PLATFORM_WIN32_NT
  space.write(peb, pebBytes)

  const tebBytes = new Uint8Array(Teb.size)
  const tebView = Teb.of(tebBytes)
  tebView.stackBase = options.stack.base
  tebView.stackLimit = options.stack.limit
  tebView.deallocationStack = options.stack.limit
  tebView.self = teb
  tebView.clientId.uniqueProcess = BigInt(thread.process.id)
  tebView.clientId.uniqueThread = BigInt(thread.id)
  tebView.processEnvironmentBlock = peb
  space.write(teb, tebBytes)

  layModuleList(options, loader)
  space.setU64(gva(thread.process.va + BigInt(Eprocess.fields.peb.offset)), peb)
  space.setU64(gva(thread.va + BigInt(Kthread.fields.teb.offset)), teb)
}

function layModuleList({ space, base, thread, module, profile }: EnvironmentOptions, loader: Gva): void {
  const { LdrDataTableEntry, PebLdrData } = profile.layouts
  const loaderBytes = new Uint8Array(PebLdrData.size)
  const loaderView = PebLdrData.of(loaderBytes)
  loaderView.length = PebLdrData.size
  loaderView.initialized = 1
  space.write(loader, loaderBytes)

  const { name, pe } = module
  const fullName = SYSTEM_FOLDER + name
  const text = gva(base + BigInt(MODULE_OFFSET + LdrDataTableEntry.size))
  space.write(text, utf16Bytes(fullName))
  const entry = gva(base + BigInt(MODULE_OFFSET))
  const bytes = new Uint8Array(LdrDataTableEntry.size)
  const view = LdrDataTableEntry.of(bytes)
  view.dllBase = module.base
  view.entryPoint = module.base + BigInt(pe.entryPointRva)
  view.sizeOfImage = pe.sizeOfImage
  view.fullDllName.length = fullName.length * 2
  view.fullDllName.maximumLength = (fullName.length + 1) * 2
  view.fullDllName.buffer = text
  view.baseDllName.length = name.length * 2
  view.baseDllName.maximumLength = (name.length + 1) * 2
  view.baseDllName.buffer = text + BigInt(SYSTEM_FOLDER.length * 2)
  view.timeDateStamp = pe.timeDateStamp
  view.originalBase = pe.preferredBase
  view.loadTime = thread.process.createTime
  space.write(entry, bytes)
  for (const [head, links] of [
    ['inLoadOrderModuleList', 'inLoadOrderLinks'],
    ['inMemoryOrderModuleList', 'inMemoryOrderLinks'],
    ['inInitializationOrderModuleList', 'inInitializationOrderLinks'],
  ] as const) {
    const list = gva(loader + BigInt(PebLdrData.fields[head].offset))
    initializeListHead(space, list)
    insertTailList(space, list, gva(entry + BigInt(LdrDataTableEntry.fields[links].offset)))
  }
}
