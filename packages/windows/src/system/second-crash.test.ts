// What a driver file leaves for a debugger where it ends its dump: a complete dump whose context is in its code.
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gva, MemorySource } from '@dumpstack/bytes'
import { openSysFile } from '@dumpstack/drivers'
import { type Dump, openDump, readModules, verifyDump } from '@dumpstack/dumpfile'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { SystemFolder, takeFolder } from '@dumpstack/run/node'
import type { CrashReport } from '@dumpstack/target'
import { afterAll, expect, it } from 'vitest'
import { createWindowsTarget } from '../node/create-windows-target.ts'

const MINIPORTS = fileURLToPath(new URL('../../../../guest/miniports/bin/', import.meta.url))
const { signal } = new AbortController()
const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

async function crashOf(
  fileName: string,
  controller: string,
): Promise<{ report: CrashReport; folder: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'dumpstack-second-'))
  folders.push(folder)
  const target = createWindowsTarget({
    profile: win10_19041,
    folder: new SystemFolder(takeFolder(realpathSync(folder))),
    seed: 1,
    ramBytes: 64 * 2 ** 20,
    cpuCount: 2,
    pageFileBytes: 100 * 2 ** 20,
    conditions: {},
    controller: controllerNamed(controller),
    hostNow: () => 0,
    driver: {
      file: openSysFile(fileName, readFileSync(join(MINIPORTS, fileName))),
      names: { nameAt: () => null },
      description: { fileName, sha256: '', byteLength: 0, executed: true, pdb: null },
    },
  })
  try {
    for (const step of ['crashDriver', 'pageFile', 'restart'] as const) await target.prepare(step, signal)
    await target.configure('kernel', signal)
    return { report: await target.crash(() => {}, signal), folder }
  } finally {
    target.close()
  }
}

/** CONTEXT of winnt.h: rcx at 0x80, rdx after it, rsp at 0x98, rip at 0xf8. */
function contextOf(dump: Dump): { rip: bigint; rsp: bigint; rcx: bigint } {
  // DUMP_HEADER64: the context record begins at 0x348
  const view = new DataView(dump.headerBytes.buffer, dump.headerBytes.byteOffset + 0x348)
  return {
    rcx: view.getBigUint64(0x80, true),
    rsp: view.getBigUint64(0x98, true),
    rip: view.getBigUint64(0xf8, true),
  }
}

/** By the address where a routine goes on: code of the driver, by its offset there. */
it.each([
  // at the instruction that faults, in a function of HwInterrupt
  ['dsvioblk-b17.sys', 'virtio-blk', 0x1e, 0x2618n, false],
  // at the call of the routine that never changes the time
  ['dsahci-b20.sys', 'ahci', 0xe2, 0x1db3n, false],
  // HwInitialize has returned FALSE: at its entry, with the device extension as its argument
  ['dsahci-b14.sys', 'ahci', 0xe2, 0x1700n, true],
])('leaves all of RAM as %s left it', async (fileName, controller, code, offset, isAtEntry) => {
  const { report, folder } = await crashOf(fileName, controller)
  const { file, deviceExtension } = report.secondCrash!
  expect(file).toBe(join(realpathSync(folder), 'kernel', 'second-crash.dmp'))
  const source = new MemorySource(readFileSync(file))
  const steps = verifyDump(source, { allPages: true })
  let step = steps.next()
  while (step.done !== true) step = steps.next()
  expect(step.value.checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([])

  const dump = openDump(source)
  expect(dump.header.dumpType).toBe(1)
  const { bugcheckCode, bugcheckParameters } = dump.header
  expect(bugcheckCode).toBe(code)
  expect({ code: bugcheckCode, parameters: bugcheckParameters }).toEqual(report.shown)
  const driver = readModules(dump).loaded.find(({ baseName }) => baseName === `dump_${fileName}`)!
  const { rip, rsp, rcx } = contextOf(dump)
  expect(rip - driver.base).toBe(offset)
  if (isAtEntry) expect(rcx).toBe(deviceExtension)
  // the code there is the driver's, and what is on its stack leads back to it
  const memory = dump.virtual()
  const instruction = new Uint8Array(8)
  expect(memory.read(gva(rip), instruction)).toBe(8)
  expect(memory.read(gva(rsp), new Uint8Array(8))).toBe(8)
  expect(memory.read(gva(deviceExtension!), new Uint8Array(64))).toBe(64)
})

it('leaves nothing where the dump was written', async () => {
  const { report, folder } = await crashOf('dsahci.sys', 'ahci')
  expect(report.secondCrash).toBeUndefined()
  expect(readdirSync(folder)).not.toContain('kernel')
})
