// A copy of a profile under another name and build, with the same guest images: they say what they are, and each command refuses.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Profile, win10_19041 } from '@dumpstack/nt'
import { WindowsError } from '@dumpstack/windows'
import { afterAll, expect, it } from 'vitest'
import { runCheck } from '../check/run-check.ts'
import { parsePageFileSize } from '../options/sizes.ts'
import { EXIT_INFRASTRUCTURE } from '../program/exit-code.ts'
import { reportFailure } from '../program/failure.ts'
import { runStack } from '../stack/run-stack.ts'
import { startRun } from './session.ts'
import { planTest } from './test-options.ts'

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'dumpstack-profile-')))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const MINIPORT = fileURLToPath(new URL('../../../../guest/miniports/bin/dsahci.sys', import.meta.url))
const copied: Profile = { ...win10_19041, name: 'win81-9600', build: 9600 }
const plan = planTest(
  { profile: copied, dumps: ['kernel'], ram: 64 * 2 ** 20, cpus: 1, controller: 'ahci', seed: 1 },
  parsePageFileSize('mem+257'),
)
const check = (controller: 'ahci' | null) => () =>
  runCheck({
    places: [MINIPORT],
    pdb: null,
    profile: copied,
    controller,
    seed: 1,
    settings: {},
    isWhole: false,
    isStrict: false,
    known: null,
    secondCrash: null,
    junit: null,
    sarif: null,
    html: null,
    json: true,
    github: false,
    threadCount: null,
    toolVersion: '0',
  })

async function test(): Promise<never> {
  const { signal } = new AbortController()
  const end = await startRun(plan, { folder: path.join(folder, 'run'), stopAt: 'end', sinks: [], signal })
  throw 'error' in end ? end.error : new Error(`the run ${end.ended}`)
}

it.each([
  ['test', test],
  ['check', check(null)],
  ['check --controller', check('ahci')],
  ['stack', async () => runStack(plan, true)],
])('%s refuses a profile whose guest images are of another build', async (_, command) => {
  const error = await Promise.resolve()
    .then(command)
    .catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(WindowsError)
  expect(error).toMatchObject({
    code: 'PROFILE_IMAGES',
    message:
      'NtBuildNumber of guest image ntkrnlmp.exe states build 19041, expected 9600 of profile win81-9600',
  })
  expect(reportFailure(error, false)).toBe(EXIT_INFRASTRUCTURE)
})
