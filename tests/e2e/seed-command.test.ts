// The command by which the kit's page fills a symbol cache, exactly as written there, against a run folder: C: is the run's, the
// symbols come from a server on loopback.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dumpstack, type Finished, repository, temporaryFolder } from './cli.ts'

const guest = path.join(repository, 'guest/bin')
const folder = temporaryFolder()
const run = path.join(folder.path, 'run')
const asked: string[] = []
let server: Server
let url = ''

beforeAll(async () => {
  const small = ['--ram', '64M', '--cpus', '2', '--dumps', 'kernel,mini', '--out', 'run']
  expect(dumpstack(folder.path, 'test', ...small).code).toBe(0)
  server = createServer(({ url: place = '' }, response) => {
    asked.push(place)
    const file = path.join(guest, path.posix.basename(place))
    if (/^\/symbols\/(\w+\.pdb)\/[0-9A-F]{32}1\/\1$/.test(place) && existsSync(file)) {
      response.end(readFileSync(file))
    } else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/symbols` // listens on a port
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
  folder.remove()
})

/** Not synchronously: the server lives in this process. */
function start(
  cwd: string,
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Finished> {
  const child = spawn(program, args, { cwd, env: { ...process.env, HOME: folder.path, ...environment } })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (part) => (output.stdout += part))
  child.stderr.on('data', (part) => (output.stderr += part))
  // .reload /f, then Ctrl-B and Enter: as the page goes on
  child.stdin.end('.reload /f\nlm m nt\n\x02\n')
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...output })))
}
const dumpstackBin = path.join(repository, 'packages/cli/bin/dumpstack.js')

function expectKernelSymbols({ code, stdout, stderr }: Finished, folderName = 'run'): void {
  expect(code).toBe(0)
  // which files the server has given, one a line, and nothing else
  expect(stderr).toMatch(/^(?:\w+\.pdb from 127\.0\.0\.1:\d+: [\d,]+ bytes\n)*$/)
  expect(stdout).toContain('Kernel Bitmap Dump File: Kernel address space is available')
  const kept = `/${folderName}/C/Symbols/ntkrnlmp\\.pdb/[0-9A-F]{32}1/ntkrnlmp\\.pdb`
  expect(stdout).toMatch(new RegExp(`nt {9}\\(pdb symbols\\) +.*${kept}`))
}

// covers: KIT-20, KIT-38, KIT-39, KIT-42, KIT-43
it('works verbatim, in whichever folder it is given, and fills C:\\Symbols of the run', async () => {
  const line = String.raw`c:\Debuggers\kd -z c:\Windows\MEMORY.DMP -y SRV*C:\Symbols*${url}`
  expectKernelSymbols(await start(folder.path, process.execPath, [dumpstackBin, 'cmd', 'run', line]))
  expect(asked.filter((place) => place.includes('ntkrnlmp.pdb'))).toHaveLength(1)
  asked.length = 0
  expectKernelSymbols(await start(folder.path, process.execPath, [dumpstackBin, 'cmd', 'run', line]))
  expect(asked.filter((place) => place.includes('ntkrnlmp.pdb'))).toEqual([])
})

it('works with kd itself inside the run folder, and from elsewhere when the environment names it', async () => {
  const kd = path.join(repository, 'packages/cli/bin/kd.js')
  const args = [kd, '-z', String.raw`c:\Windows\MEMORY.DMP`, '-y', `SRV*C:\\Symbols*${url}`]
  expectKernelSymbols(await start(run, process.execPath, args))
  expectKernelSymbols(await start(folder.path, process.execPath, args, { DUMPSTACK_RUN: run }))
  const elsewhere = await start(folder.path, process.execPath, args)
  expect(elsewhere).toMatchObject({ code: 2, stderr: expect.stringContaining('MEMORY.DMP') })
})

// covers: KIT-36, KIT-88
it.skipIf(process.platform === 'win32')(
  'works with the kd that the test installs, between two crashes',
  async () => {
    const bin = path.join(repository, 'packages/cli/bin/crashdumptest.js')
    const step = (...args: string[]) =>
      spawnSync(process.execPath, [bin, ...args, '-work', 'steps'], { cwd: folder.path })
    const machine = [
      '-ram',
      '64M',
      '-cpus',
      '2',
      '-dumps',
      'kernel,mini',
      '-debuggers',
      String.raw`c:\Tools\Debuggers`,
    ]
    expect(step('-dtm', '-y', guest, ...machine).status).toBe(0)
    for (const _ of ['kernel', 'mini']) expect(step('-autorun', '-step', '-y', guest).status).toBe(5)
    const args = ['-z', String.raw`C:\WINDOWS\memory.dmp`, '-y', `SRV*C:\\Symbols*${url}`]
    expectKernelSymbols(
      await start(folder.path, path.join(folder.path, 'steps/C/Tools/Debuggers/kd'), args),
      'steps',
    )
    expect(step('-autorun', '-step', '-y', guest).status).toBe(0)
    // the system is gone, what the debugger has fetched is not
    expect(readdirSync(path.join(folder.path, 'steps/C'))).toEqual(['Symbols'])
    const line = String.raw`c:\tools\debuggers\kd.exe -z c:\Windows\MEMORY.DMP -y C:\Symbols`
    expectKernelSymbols(
      await start(folder.path, process.execPath, [dumpstackBin, 'cmd', 'steps', line]),
      'steps',
    )
  },
)

it('finds a mini dump by the path that Windows shows', async () => {
  const log = readFileSync(path.join(run, 'crashdumptest.log'), 'utf8')
  const mini = /C:\\Windows\\Minidump\\[\d-]+\.dmp/.exec(log)![0]
  const { code, stdout } = await start(folder.path, process.execPath, [
    dumpstackBin,
    'cmd',
    'run',
    `kd -z "${mini}"`,
  ])
  expect(code).toBe(0)
  expect(stdout).toContain('Mini Kernel Dump File')
})

it.each([
  [['run', String.raw`c:\Windows\notepad.exe`], 'kd is the only program of the run'],
  [['run', String.raw`c:\Tools\kd -z c:\Windows\MEMORY.DMP`], 'the test installs kd in C:\\Debuggers'],
  [['run', 'kd -z "c:\\Windows'], 'a quote is open'],
  [['run', ''], 'the command line is empty'],
  [['nowhere', 'kd'], 'nowhere is no run folder'],
])('refuses %j', (args, message) => {
  expect(dumpstack(folder.path, 'cmd', ...args)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(message),
  })
})
