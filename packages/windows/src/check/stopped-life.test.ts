// What a life leaves for a debugger where the driver ends it early, before the system crashes or while the dump is written.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MemorySource } from '@dumpstack/bytes'
import { openSysFile, type SysFile } from '@dumpstack/drivers'
import { openDump, readModules, type VerifyReport, verifyDump } from '@dumpstack/dumpfile'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { buildPe } from '@dumpstack/testkit'
import { expect, it } from 'vitest'
import { checkDriverFile } from '../node/check-driver-file.ts'

const MINIPORTS = new URL('../../../../guest/miniports/bin/', import.meta.url)
const own = (fileName: string): SysFile =>
  openSysFile(fileName, readFileSync(fileURLToPath(new URL(fileName, MINIPORTS))))

/** IMAGE_SUBSYSTEM_NATIVE; DriverEntry halts the processor. */
function halting(): SysFile {
  const bytes = buildPe({
    sections: [{ name: '.text', bytes: Uint8Array.of(0x90, 0xf4) }],
    entryPoint: 0x1000,
    relocations: [],
    imports: { 'storport.sys': ['StorPortInitialize'] },
  })
  bytes[0x80 + 24 + 68] = 1
  return openSysFile('halts.sys', bytes)
}

/** The dumps of one life on plain hardware. */
function stopsOf(file: SysFile, controller: string): Uint8Array[] {
  const dumps: Uint8Array[] = []
  checkDriverFile(
    { file, names: { nameAt: () => null } },
    {
      profile: win10_19041,
      controller: controllerNamed(controller),
      seed: 1,
      settings: {},
      isWhole: false,
      onStop({ dump }) {
        const bytes = new Uint8Array(dump.byteLength)
        const writing = dump.write({ write: (offset, part) => bytes.set(part, offset) })
        while (writing.next().done !== true);
        dumps.push(bytes)
      },
    },
  )
  return dumps
}

function verified(source: MemorySource): VerifyReport {
  const steps = verifyDump(source, { allPages: false })
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value
}

it.each<[string, SysFile, string, string, bigint, number]>([
  ['in its dump', own('dsvioblk-b17.sys'), 'virtio-blk', 'dump_dsvioblk-b17.sys', 0x2618n, 0x1e],
  ['before the system crashes', halting(), 'ahci', 'halts.sys', 0x1001n, 0xe2],
])('leaves all of RAM of a driver that stops %s', (_when, file, controller, image, offset, bugcheck) => {
  const [bytes, ...others] = stopsOf(file, controller)
  expect(others).toEqual([])
  const source = new MemorySource(bytes!)
  expect(verified(source).checks.filter(({ verdict }) => verdict === 'fail')).toEqual([])
  const dump = openDump(source)
  expect(dump.header).toMatchObject({ dumpType: 1, bugcheckCode: bugcheck })
  const driver = readModules(dump).loaded.find(({ baseName }) => baseName === image)!
  const view = new DataView(dump.headerBytes.buffer, dump.headerBytes.byteOffset)
  // DUMP_HEADER64: rip of the context record, and the comment, of 128 bytes
  expect(view.getBigUint64(0x348 + 0xf8, true) - driver.base).toBe(offset)
  const comment = new TextDecoder('latin1').decode(dump.headerBytes.subarray(0xfb0, 0x1030))
  expect(comment.replace(/\0+$/, '')).toBe(`dumpstack second crash: ${image}`)
})

it('leaves nothing of a driver that writes its dump', () => {
  expect(stopsOf(own('dsahci.sys'), 'ahci')).toEqual([])
})
