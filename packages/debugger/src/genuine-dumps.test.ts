// Transcripts of kd on minidumps that Windows wrote on machines of strangers, without symbols: what the dump alone allows. The
// facts beside the transcripts are those that other tools print. VITEST_UPDATE_GOLDEN=1 writes them anew.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { FileSource } from '@dumpstack/bytes/node'
import { sharedData } from '@dumpstack/testkit/node'
import { describe, expect, it } from 'vitest'
import { say, sessionOn } from './session.test-support.ts'

const COMMANDS = '.bugcheck; !analyze -v; k; lm m nt; r; !thread -1 2; !process; .ecxr; .exr -1; vertarget; ~'

describe.each([
  {
    name: 'triage_x64_9600_a0000001',
    says: ['CUSTOM_ERROR (a0000001)', 'IMAGE_NAME:  atikmdag.sys\n', 'PROCESS_NAME:  System\n'],
    never: ['guess'],
  },
  {
    name: 'triage_x64_9600_1000007e',
    says: [
      'SYMBOL_NAME:  RTKVHD64+0x5d28\n',
      'IMAGE_NAME:  RTKVHD64.sys\n',
      'READ_ADDRESS:  000000004000010b\n',
    ],
    never: ['guess:'],
  },
  {
    name: 'triage_x64_9600_100000ea',
    says: ['IMAGE_NAME:  atikmdag.sys (guess: found on the stack by scan)\n', 'dxgkrnl+0x187c5 [call]\n'],
    never: ['IMAGE_NAME:  dxgkrnl', 'HTTP+0x5deef'],
  },
  {
    name: 'triage_x64_9600_50_overlap',
    says: [
      'PROCESS_NAME:  dw20.exe\n',
      'READ_ADDRESS:  000000007ffe0320\n',
      'CONTEXT:  (.trap 0xffffd0003558b4b0)\n',
    ],
    never: ['IMAGE_NAME:  WdFilter', 'WdFilter+0xd000'],
  },
  {
    name: 'triage_x64_17763_1000007e',
    says: ['Arg2: fffff8044a24d2d4, the code that raised it (nt+0x4a2d4)\n', 'PROCESS_NAME:  System\n'],
    never: ['vmswitch+0x2fa000'],
  },
  {
    name: 'triage_x64_19041_1a',
    says: ['IMAGE_NAME:  memory_corruption\n', 'FAILURE_BUCKET_ID:  0x1A_402_memory_corruption\n'],
    never: ['guess:'],
  },
  {
    name: 'triage_x64_19041',
    says: ['IMAGE_NAME:  amdppm.sys\n', 'WRITE_ADDRESS:  ffffffffffffffff\n', 'Cid 0004.0108 '],
    never: ['guess:', 'amdppm+0x22000'],
  },
  {
    name: 'triage_arm64_22000',
    says: ['MANUALLY_INITIATED_POWER_BUTTON_HOLD (1c8)', 'PROCESS_NAME:  System\n', 'Cid 0004.0020 '],
    never: ['guess:'],
  },
])('the genuine minidump $name', ({ name, says, never }) => {
  const file = sharedData(`dumps/${name}.dmp`)
  it.skipIf(file === null)('is told as the dump alone allows (needs shared/data)', async () => {
    const source = new FileSource(file!)
    const text = await say(sessionOn(source), COMMANDS)
    source.close()
    for (const part of says) expect(text).toContain(part)
    for (const part of never) expect(text).not.toContain(part)
    expect(text).not.toMatch(/4547415/)
    const golden = new URL(`./__golden__/genuine/${name}.txt`, import.meta.url)
    if (process.env['VITEST_UPDATE_GOLDEN'] === '1') writeFileSync(golden, text)
    expect(existsSync(golden)).toBe(true)
    expect(text).toBe(readFileSync(golden, 'utf8'))
  })
})
