// Sizes and offsets against another's truth: `FIELDS` was printed from the types of Microsoft's ntkrnlmp.pdb
// (5278AFF86C341677D7D7835C85B7B844, build 19041), in the C spelling; the block in the real minidump of that build.
// _KBUGCHECK_REASON_CALLBACK_RECORD as clang lays out wdm.h's declaration.

import { readFileSync } from 'node:fs'
import { sharedData } from '@dumpstack/testkit/node'
import { expect, it } from 'vitest'
import { win10_19041 } from '../profile/win10-19041/profile.ts'
import { KbugcheckReasonCallbackRecord } from './bugcheck-callback.ts'
import { ContextX64, ExceptionRecord64 } from './context-x64.ts'
import { DbgkdGetVersion64, KDBG_TAG, KddebuggerData64 } from './debugger-data.ts'
import { ListEntry, UnicodeString } from './list.ts'
import { UnloadedDriver } from './modules.ts'
import { PhysicalMemoryRun64 } from './physical-memory.ts'
import { LdrDataTableEntry, Peb, PebLdrData } from './process-environment.ts'
import { KtrapFrame } from './trap-frame.ts'

const layouts = win10_19041.layouts

it.each([
  [ListEntry, 0x10],
  [KbugcheckReasonCallbackRecord, 0x30],
  [UnicodeString, 0x10],
  [layouts.KldrDataTableEntry, 0xa0],
  [UnloadedDriver, 0x28],
  [KddebuggerData64, 0x380],
  [DbgkdGetVersion64, 0x28],
  [ContextX64, 0x4d0],
  [layouts.KspecialRegisters, 0xf0],
  [layouts.KprocessorState, 0x5c0],
  [KtrapFrame, 0x190],
  [ExceptionRecord64, 0x98],
  [layouts.Kprcb, 0xaf00],
  [layouts.Kpcr, 0xb080],
  [layouts.Kprocess, 0x438],
  [layouts.Eprocess, 0xa40],
  [layouts.Kthread, 0x430],
  [layouts.Ethread, 0x898],
  [PhysicalMemoryRun64, 0x10],
  [layouts.Mmpfn, 0x30],
  [layouts.Peb, 0x7c8],
  [layouts.PebLdrData, 0x58],
  [layouts.LdrDataTableEntry, 0x120],
  [layouts.Teb, 0x1838],
])('$structName has the size of the public type', (type, size) => {
  expect(type.size).toBe(size)
})

const FIELDS: ReadonlyArray<readonly [{ fields: object; structName: string }, string]> = [
  [ListEntry, 'flink=0 blink=8'],
  [KbugcheckReasonCallbackRecord, 'entry=0 callbackRoutine=10 component=18 checksum=20 reason=28 state=2c'],
  [UnicodeString, 'length=0 maximumLength=2 buffer=8'],
  [
    layouts.KldrDataTableEntry,
    'inLoadOrderLinks=0 exceptionTable=10 exceptionTableSize=18 gpValue=20 nonPagedDebugInfo=28 dllBase=30 entryPoint=38 sizeOfImage=40 fullDllName=48 baseDllName=58 flags=68 loadCount=6c signature=6e sectionPointer=70 checkSum=78 coverageSectionSize=7c coverageSection=80 loadedImports=88 spare=90 sizeOfImageNotRounded=98 timeDateStamp=9c',
  ],
  [
    KtrapFrame,
    'previousMode=28 mxCsr=2c rax=30 rcx=38 rdx=40 r8=48 r9=50 r10=58 r11=60 faultAddress=d0 rbp=158 errorCode=160 rip=168 segCs=170 eFlags=178 rsp=180 segSs=188',
  ],
  [
    ContextX64,
    'p1Home=0 p2Home=8 p3Home=10 p4Home=18 p5Home=20 p6Home=28 contextFlags=30 mxCsr=34 segCs=38 segDs=3a segEs=3c segFs=3e segGs=40 segSs=42 eFlags=44 dr0=48 dr1=50 dr2=58 dr3=60 dr6=68 dr7=70 rax=78 rcx=80 rdx=88 rbx=90 rsp=98 rbp=a0 rsi=a8 rdi=b0 r8=b8 r9=c0 r10=c8 r11=d0 r12=d8 r13=e0 r14=e8 r15=f0 rip=f8 controlWord=100 statusWord=102 tagWord=104 fltSaveMxCsr=118 mxCsrMask=11c fltSave=100 vectorRegister=300 vectorControl=4a0 debugControl=4a8 lastBranchToRip=4b0 lastBranchFromRip=4b8 lastExceptionToRip=4c0 lastExceptionFromRip=4c8',
  ],
  [
    layouts.KspecialRegisters,
    'cr0=0 cr2=8 cr3=10 cr4=18 kernelDr0=20 kernelDr1=28 kernelDr2=30 kernelDr3=38 kernelDr6=40 kernelDr7=48 gdtrLimit=56 gdtrBase=58 idtrLimit=66 idtrBase=68 tr=70 ldtr=72 mxCsr=74 debugControl=78 cr8=a0 msrGsBase=a8 msrGsSwap=b0 msrStar=b8 msrLStar=c0 msrCStar=c8 msrSyscallMask=d0 xcr0=d8 msrFsBase=e0',
  ],
  [layouts.KprocessorState, 'specialRegisters=0 contextFrame=f0'],
  [
    ExceptionRecord64,
    'exceptionCode=0 exceptionFlags=4 exceptionRecord=8 exceptionAddress=10 numberParameters=18 exceptionInformation=20',
  ],
  [
    layouts.Kprcb,
    'mxCsr=0 legacyNumber=4 interruptRequest=6 idleHalt=7 currentThread=8 nextThread=10 idleThread=18 nestingLevel=20 number=24 rspBase=28 cpuType=40 cpuId=41 cpuStepping=42 cpuModel=43 mhz=44 minorVersion=88 majorVersion=8a buildType=8c cpuVendor=8d groupSetMember=c8 group=d0 groupIndex=d1 initialApicId=d4 cFlushSize=e8 processorState=100 ipiFrozen=2d88 dpcStack=3110 debuggerSavedIrql=7e98 vendorString=8590 featureBits=85a0 updateSignature=85a8 context=85c0 contextFlagsInit=85c8 isrStack=85d8',
  ],
  [
    layouts.Kpcr,
    'gdtBase=0 tssBase=8 userRsp=10 self=18 currentPrcb=20 lockArray=28 usedSelf=30 idtBase=38 irql=50 majorVersion=60 minorVersion=62 stallScaleFactor=64 kdVersionBlock=108 prcb=180',
  ],
  [
    layouts.Kprocess,
    'header=0 profileListHead=18 directoryTableBase=28 threadListHead=30 basePriority=280 processListEntry=350 cycleTime=360 userDirectoryTableBase=388 addressPolicy=390',
  ],
  [
    layouts.Eprocess,
    'pcb=0 uniqueProcessId=440 activeProcessLinks=448 flags2=460 flags=464 createTime=468 virtualSize=498 token=4b8 sectionBaseAddress=520 inheritedFromUniqueProcessId=540 peb=550 session=558 objectTable=570 imageFilePointer=5a0 imageFileName=5a8 priorityClass=5b7 threadListHead=5e0 activeThreads=5f0 exitStatus=7d4 vadRoot=7d8 flags3=87c',
  ],
  [
    layouts.Kthread,
    'header=0 initialStack=28 stackLimit=30 stackBase=38 cycleTime=48 kernelStack=58 running=71 trapFrame=90 apcListHead0=98 apcListHead1=a8 apcProcess=b8 priority=c3 userIdealProcessor=c4 waitListEntry=d8 teb=f0 contextSwitches=154 state=184 waitIrql=186 waitTime=1b4 win32Thread=1c8 queueListEntry=208 nextProcessor=218 process=220 basePriority=233 idealProcessor=24c waitReason=283 kernelTime=28c userTime=2dc threadListEntry=2f8',
  ],
  [
    layouts.Ethread,
    'tcb=0 createTime=430 exitTime=438 startAddress=450 cid=478 irpList=4b0 win32StartAddress=4d0 threadListEntry=4e8 crossThreadFlags=510 threadName=610',
  ],
  [
    DbgkdGetVersion64,
    'majorVersion=0 minorVersion=2 protocolVersion=4 kdSecondaryVersion=5 flags=6 machineType=8 maxPacketType=a maxStateChange=b maxManipulate=c simulation=d kernBase=10 psLoadedModuleList=18 debuggerDataList=20',
  ],
  [PhysicalMemoryRun64, 'basePage=0 pageCount=8'],
  [layouts.Mmpfn, 'u1=0 pteAddress=8 originalPte=10 u2=18 referenceCount=20 e1=22 e3=23 u4=28'],
  [
    layouts.Peb,
    'imageBaseAddress=10 ldr=18 numberOfProcessors=b8 osMajorVersion=118 osMinorVersion=11c osBuildNumber=120 osPlatformId=124',
  ],
  [
    layouts.PebLdrData,
    'length=0 initialized=4 inLoadOrderModuleList=10 inMemoryOrderModuleList=20 inInitializationOrderModuleList=30',
  ],
  [
    layouts.LdrDataTableEntry,
    'inLoadOrderLinks=0 inMemoryOrderLinks=10 inInitializationOrderLinks=20 dllBase=30 entryPoint=38 sizeOfImage=40 fullDllName=48 baseDllName=58 timeDateStamp=80 originalBase=f8 loadTime=100',
  ],
  // what readers of dumps of other builds use of them
  [
    Peb,
    'ldr=18 numberOfProcessors=b8 osMajorVersion=118 osMinorVersion=11c osBuildNumber=120 osPlatformId=124',
  ],
  [
    PebLdrData,
    'length=0 initialized=4 inLoadOrderModuleList=10 inMemoryOrderModuleList=20 inInitializationOrderModuleList=30',
  ],
  [
    LdrDataTableEntry,
    'inLoadOrderLinks=0 inMemoryOrderLinks=10 inInitializationOrderLinks=20 dllBase=30 entryPoint=38 sizeOfImage=40 fullDllName=48 baseDllName=58 timeDateStamp=80',
  ],
  [
    layouts.Teb,
    'stackBase=8 stackLimit=10 self=30 clientId=40 processEnvironmentBlock=60 deallocationStack=1478',
  ],
]

it.each(FIELDS)('$structName puts its fields where the PDB has them', (type, line) => {
  const truth = new Map(line.split(' ').map((part) => part.split('=') as [string, string])) // name=offset
  const mine = Object.entries(type.fields as Record<string, { offset: number }>) // every field kind has an offset
  expect(mine.length).toBeGreaterThan(0)
  for (const [name, { offset }] of mine)
    expect(`${name}=${offset.toString(16)}`).toBe(`${name}=${truth.get(name)}`)
})

const real = sharedData('dumps/triage_x64_19041.dmp')
it.skipIf(real === null)('KDDEBUGGER_DATA64 reads the block of a real 19041 dump', () => {
  const dump = readFileSync(real ?? '')
  const at = dump.readUInt32LE(0x2070) // TRIAGE_DUMP64.DebuggerDataOffset
  const kdbg = KddebuggerData64.of(dump, at)
  expect(kdbg.ownerTag).toBe(KDBG_TAG)
  expect(kdbg.size).toBe(layouts.DEBUGGER_DATA_BYTES)
  expect(kdbg.kernBase).toBe(kernelBaseOf(dump))
  expect(kdbg.psLoadedModuleList).toBe(dump.readBigUInt64LE(0x20))
  expect(kdbg.mmPageSize).toBe(0x1000n)
  expect(kdbg.sizeEProcess).toBe(layouts.Eprocess.size)
  expect(kdbg.sizeEThread).toBe(layouts.Ethread.size)
  expect(kdbg.sizePrcb).toBe(layouts.Kprcb.size)
  expect(kdbg.sizePcr).toBe(layouts.Kpcr.size)
  expect(kdbg.offsetPcrContainedPrcb).toBe(layouts.Kpcr.fields.prcb.offset)
  expect(kdbg.offsetPrcbContext).toBe(layouts.Kprcb.fields.context.offset)
  expect(kdbg.offsetPrcbProcStateContext).toBe(0x1f0)
  expect(kdbg.offsetEprocessPeb).toBe(layouts.Eprocess.fields.peb.offset)
  expect(kdbg.offsetKThreadStackBase).toBe(layouts.Kthread.fields.stackBase.offset)
  expect(kdbg.gdtR3Data).toBe(0x2b)
})

function kernelBaseOf(dump: Buffer): bigint {
  const firstDriver = dump.readUInt32LE(0x2030)
  return dump.readBigUInt64LE(firstDriver + 0x38)
}
