// kd as a user starts it, on a dump that this project's own dump stack wrote.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { sharedData } from '@dumpstack/testkit/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dumpstack, type Finished, repository, temporaryFolder } from './cli.ts'

const bin = path.join(repository, 'packages/cli/bin/kd.js')
const guestSymbols = path.join(repository, 'guest/bin')
const folder = temporaryFolder()
const dump = path.join(folder.path, 'run/kernel/MEMORY.DMP')
beforeAll(() => {
  const test = dumpstack(
    folder.path,
    'test',
    '--dumps',
    'full,kernel,mini',
    '--ram',
    '64M',
    '--cpus',
    '2',
    '--out',
    'run',
  )
  expect(test.code).toBe(0)
})
afterAll(() => folder.remove())

function kd(args: readonly string[], input = ''): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: folder.path,
    encoding: 'utf8',
    input,
    env: { ...process.env, _NT_SYMBOL_PATH: '', HOME: folder.path },
  })
  return { code: status, stdout, stderr }
}

/** What `-c` prints after its prompt. */
const answers = (commands: string, ...args: string[]): string => {
  const { stdout, code, stderr } = kd(['-z', dump, ...args, '-c', `${commands}; q`])
  expect([code, stderr]).toEqual([0, ''])
  return stdout.slice(stdout.indexOf("initial command '") + `initial command '${commands}; q'\n`.length)
}

const CRASH_STACK = [
  'nt!KeBugCheckEx',
  'crashtst!CrashTestTriggerBugcheck',
  'crashtst!CrashTestDeviceControl',
  'nt!IofCallDriver',
  'nt!IopSynchronousServiceTail',
  'nt!IopXxxControlFile',
  'nt!NtDeviceIoControlFile',
  'nt!KiSystemServiceCopyEnd',
]

describe('the stack of the crash', () => {
  it.each([
    ['with PDBs', ['-y', guestSymbols]],
    ['with the names that the images export', []],
  ])('is unwound from the bugcheck to the system call, %s', (_, options) => {
    const rows = answers('k', ...options)
      .split('\n')
      .filter((line) => /^[0-9a-f]{8}`/.test(line))
    // Where images export no name, kd prints the nearest one; the frames themselves are the same.
    if (options.length > 0) {
      expect(rows.slice(0, 8).map((row) => /(\w+!\w+)/.exec(row)?.[1])).toEqual(CRASH_STACK)
    } else {
      expect(rows[0]).toContain('nt!KeBugCheckEx ')
      expect(rows.slice(1, 3).every((row) => row.includes('crashtst'))).toBe(true)
    }
    expect(rows[0]).toMatch(/\[frame\]$/)
    for (const row of rows.slice(1, 8)) expect(row).toMatch(/\[unwind\]$/)
    // The system call came through a trap: user mode follows, recorded by the machine frame.
    expect(rows[8]).toMatch(/^[0-7][0-9a-f]{7}`[0-9a-f]{8} .*\[frame\]$/)
    expect(rows.join()).not.toContain('scan')
  })

  it('starts at the other processor after ~1s', () => {
    const text = answers('~1s; k', '-y', guestSymbols)
    expect(text).toContain('nt!KiIdleLoop')
    expect(text).not.toContain('scan')
    expect(answers('~1 k; 1k', '-y', guestSymbols)).toBe(text + text)
  })
})

const miniOf = (): string => {
  const mini = path.join(folder.path, 'run/mini')
  return path.join(mini, readdirSync(mini).find((name) => name.endsWith('.dmp'))!)
}

describe('the mini dump of the same crash', () => {
  const rowsOf = (options: readonly string[]): string[] => {
    const { code, stdout } = kd(['-z', miniOf(), ...options, '-c', 'k; q'])
    expect(code).toBe(0)
    return stdout.split('\n').filter((line) => /^[0-9a-f]{8}`[0-9a-f]{8} /.test(line) && line.endsWith(']'))
  }

  it('is unwound by the image files that the symbol path has', () => {
    const rows = rowsOf(['-y', guestSymbols])
    expect(rows.slice(0, 8).map((row) => /(\w+!\w+)/.exec(row)?.[1])).toEqual(CRASH_STACK)
    for (const row of rows.slice(1, 8)) expect(row).toMatch(/\[unwind\]$/)
  })

  it('lists what drivers left in it, each under its GUID', () => {
    const { stdout } = kd(['-z', miniOf(), '-c', '.enumtag; q'])
    expect(stdout).toMatch(
      /\n\{6D0A5B0E-7B1C-4F0B-9E55-3C2A1D7F4E61\} - 0x24 bytes at file offset 0x[0-9a-f]+\n {2}43 54 53 54 24 00 00 00 /,
    )
  })

  it('is a guess without them, and says which image is missing', () => {
    const rows = rowsOf([])
    expect(rows[0]).toMatch(/\[frame\]$/)
    expect(rows[1]).toMatch(/\[call\]$/)
    expect(rows.join()).not.toContain('[unwind]')
  })
})

describe('user modules of the process that crashed', () => {
  const user = (file: string, commands: string): string =>
    kd(['-z', path.join(folder.path, 'run', file), '-y', guestSymbols, '-c', `${commands}; q`]).stdout

  it('come from its PEB in a full dump, with their symbols, and end the stack', () => {
    const text = user(
      'full/MEMORY.DMP',
      'k; lm u; .reload /f /user; lmuvm ntdll; x ntdll!NtDeviceIo*; k; lm m ntdll',
    )
    expect(text).toMatch(
      /\n[0-7][0-9a-f]{7}`[0-9a-f]{8} [0-7][0-9a-f]{7}`[0-9a-f]{8} {3}ntdll {6}\(deferred\)\n/,
    )
    expect(text).toContain('Loading User Symbols\n.\nntdll: ')
    expect(text).toContain('    Image path: C:\\Windows\\SYSTEM32\\ntdll.dll\n')
    expect(text).toMatch(/CheckSum: {9}0000[0-9A-F]{4}\n/)
    expect(text).toMatch(/PDB: {14}.*ntdll\.pdb [0-9A-F]{32} 1\n/)
    expect(text).toMatch(/\n[0-9a-f`]{17} ntdll!NtDeviceIoControlFile\n/)
    // only the second k names the caller, and its walk ends where the thread began
    expect(text.match(/ntdll!NtDeviceIoControlFile\+0xa .*\[frame\]/g)).toHaveLength(1)
    expect(text.match(/The walk ends here: user mode: its modules are not read/g)).toHaveLength(1)
  })

  it('are not in a kernel dump or a mini dump, and the answer says why', () => {
    expect(user('kernel/MEMORY.DMP', 'lm u')).toMatch(
      /\nuser-mode modules: PEB at [0-9a-f`]{17}: memory at [0-9a-f`]{17} cannot be read: the page is not in the dump\n/,
    )
    expect(user('kernel/MEMORY.DMP', '.reload /user')).toContain('the page is not in the dump')
  })
})

it('names the driver that asked for the crash, not the kernel', () => {
  const text = answers('!analyze -v', '-y', guestSymbols)
  expect(text).toContain('MANUALLY_INITIATED_CRASH (e2)')
  expect(text).toContain('MODULE_NAME: crashtst\n')
})

it('shows threads and times of a process by the flags', () => {
  const text = answers(
    '!process 0 1 smss.exe; !process -1 4; !process 0 6 crashdumptest.exe; !process 0 2 System',
    '-y',
    guestSymbols,
  )
  expect(text).toMatch(/Image: smss\.exe\n {4}ElapsedTime {23}00:\d\d:\d\d\.\d{3}\n/)
  const thread = String.raw`THREAD [0-9a-f]{16}  Cid 01f4\.01f8  Teb: [0-9a-f]{16} Win32Thread: 0{16} RUNNING on processor 0`
  expect(text).toMatch(new RegExp(`Image: crashdumptest\\.\\n {8}${thread}\\n\\*{4} NT ACTIVE PROCESS DUMP`))
  expect(text).toMatch(new RegExp(`Image: crashdumptest\\.\\n\\n {8}${thread}\\n {8}Owning Process`))
  expect(text.match(/^ {8}.* nt!KeBugCheckEx .*\[frame\]$/gm)).toHaveLength(1)
  expect(
    text.match(/^ {8}THREAD [0-9a-f]{16} {2}Cid 0004\.\d{3}[048c] .* WAIT: \(WrQueue\)$/gm),
  ).toHaveLength(4)
})

it('shows the stacks of threads that wait, from the frame that switching away left', () => {
  const full = path.join(folder.path, 'run/full/MEMORY.DMP')
  const { stdout } = kd(['-z', full, '-y', guestSymbols, '-c', '.reload /user; !process 0 6; q'])
  const stackOf = (thread: string) =>
    [...thread.matchAll(/^ +[0-9a-f`]{17} [0-9a-f`]{17} {5}(\S+?)(?:\+\S+)? .*\[(\w+)\]$/gm)].map(
      ([, place, foundBy]) => `${place} ${foundBy}`,
    )
  const [, ...threads] = stdout.split(/^ {8}THREAD /m)
  const waiting = threads.filter((thread) => thread.includes(' WAIT: ('))
  const workers = waiting.filter((thread) => thread.includes('Cid 0004.'))
  const programs = waiting.filter((thread) => !thread.includes('Cid 0004.'))
  expect([workers.length, programs.length]).toEqual([4, 3])
  for (const worker of workers) {
    expect(stackOf(worker)).toEqual([
      'nt!KiSwapContext frame',
      'nt!KiSwapThread unwind',
      'nt!KeWaitForSingleObject unwind',
      'nt!ExpWorkerThread unwind',
      'nt!PspSystemThreadStartup unwind',
      'nt!KiStartSystemThread unwind',
    ])
  }
  for (const program of programs) {
    expect(stackOf(program).slice(0, 4)).toEqual([
      'nt!KiSwapContext frame',
      'nt!KiSwapThread unwind',
      'nt!KeWaitForSingleObject unwind',
      'nt!IopSynchronousServiceTail unwind',
    ])
    // the dump's page tables are those of crashdumptest.exe: nothing of another program's stack is read through them
    expect(program).toContain(
      "The walk ends here: user mode, of another process than the dump's page tables are of",
    )
  }
})

it('reads types, processes and page tables', () => {
  const text = answers(
    '!process 0 0; dt nt!_LIST_ENTRY nt!PsActiveProcessHead; !pte nt; lm m dump_*',
    '-y',
    guestSymbols,
  )
  expect(text).toMatch(/Cid: 0004 .*\n.*DirBase: 1ad000 .*\n {4}Image: System/)
  expect(text).toContain('Image: crashdumptest.')
  expect(text).toMatch(/\+0x000 Flink {12}: 0xffff[0-9a-f]{4}`[0-9a-f]{8} _LIST_ENTRY/)
  expect(text).toMatch(/PTE at FFFF[0-9A-F]{12}/)
  expect(text).toContain('dump_storahci')
})

it('disassembles, with names for what is called', () => {
  const text = answers('u crashtst!CrashTestDeviceControl L20', '-y', guestSymbols)
  expect(text).toMatch(/call {4}crashtst!CrashTestTriggerBugcheck \([0-9a-f]{8}`[0-9a-f]{8}\)/)
})

it('uses no PDB of another build, and says which it wanted and found', () => {
  const wrong = path.join(folder.path, 'wrong')
  mkdirSync(wrong)
  copyFileSync(path.join(guestSymbols, 'crashtst.pdb'), path.join(wrong, 'ntkrnlmp.pdb'))
  const text = answers('.reload /f nt; lm m nt', '-y', wrong)
  expect(text).toMatch(
    /wrong-identity, mismatched: wanted guid [0-9A-F]{32} age 1, found guid [0-9A-F]{32} age 1/,
  )
  expect(text).toContain('(export symbols)')
})

describe('the session', () => {
  // covers: KIT-41
  it('takes lines from a pipe, and ends with them', () => {
    const { code, stdout } = kd(['-z', dump], '? 1+1\n.bugcheck\n')
    expect(code).toBe(0)
    expect(stdout).toContain(
      '0: kd> Evaluate expression: 2 = 00000000`00000002\n0: kd> Bugcheck code 000000E2\n',
    )
    expect(stdout.endsWith('0: kd> quit:\n')).toBe(true)
  })

  // covers: KIT-43
  it.each([
    ['q', 'q\n? 5\n'],
    ['Ctrl-B and Enter', '\x02\n? 5\n'],
    ['Ctrl-B and Enter after a command', '.bugcheck\n\x02\n? 5\n'],
  ])('ends at %s', (_, input) => {
    const { code, stdout } = kd(['-z', dump], input)
    expect(code).toBe(0)
    expect(stdout).not.toContain('Evaluate')
  })

  it('names a command that is not there, and goes on', () => {
    expect(answers('!vm; ? 2')).toBe(
      "no command '!vm': .help lists the ones there are\nEvaluate expression: 2 = 00000000`00000002\n",
    )
  })

  it('writes all of it to a log, commands included', () => {
    const { stdout } = kd(['-z', dump, '-logo', 'kd.log'], '? 3\nq\n')
    const log = readFileSync(path.join(folder.path, 'kd.log'), 'utf8')
    expect(log.replace('kd> ? 3\n', 'kd> ').replace('kd> q\n', 'kd> ')).toBe(stdout)
  })

  it('loads nothing of the machine, its drivers or the test: the prompt comes at once', () => {
    const loader = `export async function load(url, context, next) { process._rawDebug(url); return next(url, context) }`
    const hook = `import { register } from 'node:module'; register('data:text/javascript,${encodeURIComponent(loader)}')`
    const { stderr } = spawnSync(
      process.execPath,
      ['--import', `data:text/javascript,${encodeURIComponent(hook)}`, bin, '-z', dump, '-c', 'q'],
      { encoding: 'utf8' },
    )
    const rooms = [...stderr.matchAll(/^file:.*\/packages\/(\w+\/dist\/(?:node\/)?[\w-]+)/gm)].map(
      ([, file]) => file,
    )
    expect(rooms).toContain('debugger/dist/debugger')
    expect(rooms.filter((file) => /^(?:machine|cpu|drivers|windows|crashtest)\//.test(file!))).toEqual([])
  })

  it('goes on without a log that cannot be written', () => {
    expect(answers('.logopen no-folder/x; ? 3')).toBe(
      'cannot write the log no-folder/x: no such file or directory (ENOENT)\nEvaluate expression: 3 = 00000000`00000003\n',
    )
    expect(answers(`.logopen ${dump}; ? 3`)).toMatch(/^cannot write the log .*: it is a file of the run in /)
    const copy = path.join(folder.path, 'copy.dmp')
    copyFileSync(dump, copy)
    expect(kd(['-z', copy, '-c', `.logopen ${copy}; q`]).stdout).toContain(
      `cannot write the log ${copy}: it is the dump\n`,
    )
    if (!existsSync('/dev/full')) return
    const { code, stdout } = kd(['-z', dump, '-c', '.logopen /dev/full; ? 4; q'])
    expect(code).toBe(4)
    expect(stdout).toContain(
      '/dev/full: no space left on device (ENOSPC): the log ends here\nEvaluate expression: 4 ',
    )
  })

  it('says every fact as a line of JSON', () => {
    const { code, stdout } = kd(['-z', dump, '--json', '-y', guestSymbols, '-c', 'r rip; nope; k 2; q'])
    expect(code).toBe(0)
    const facts = stdout.trimEnd().split('\n').map((line) => JSON.parse(line)) // biome-ignore format: one step a line
    expect(facts[0]).toMatchObject({
      command: '',
      kind: 'opened',
      dumpType: 6,
      bugcheck: { code: 0xe2, name: 'MANUALLY_INITIATED_CRASH' },
    })
    expect(facts).toContainEqual({
      command: 'nope',
      kind: 'error',
      code: 'COMMAND_UNKNOWN',
      message: "no command 'nope': .help lists the ones there are",
    })
    expect(facts).toContainEqual(
      expect.objectContaining({ command: 'k 2', kind: 'frame', symbol: 'nt!KeBugCheckEx', foundBy: 'frame' }),
    )
    expect(facts.at(-1)).toEqual({ command: 'q', kind: 'quit' })
    const rip = facts.find(({ command }) => command === 'r rip').values[0].value
    expect(rip).toBe(facts.find(({ kind }) => kind === 'frame').address)
  })

  it('is the same program as dumpstack kd', () => {
    const { code, stdout } = dumpstack(folder.path, 'kd', '-z', dump, '-c', '.bugcheck; q')
    expect(code).toBe(0)
    expect(stdout).toContain('Bugcheck code 000000E2')
  })

  it('interrupts a long command at Ctrl-C and goes on', async () => {
    const child = spawn(process.execPath, [bin, '-z', dump], {
      cwd: folder.path,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    let stdout = ''
    const shows = (text: string): Promise<void> =>
      new Promise((resolve) => {
        const look = () => {
          if (stdout.includes(text)) resolve()
        }
        child.stdout.on('data', (part: Buffer) => {
          stdout += part.toString()
          look()
        })
        look()
      })
    const started = shows('0000000000000100')
    child.stdin.write('db 0 L10000\n')
    await Promise.race([started, shows('00000000`00000100')])
    child.kill('SIGINT')
    await shows('^ interrupted')
    child.stdin.end('? 7\nq\n')
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect(code).toBe(0)
    expect(stdout).toContain('Evaluate expression: 7 =')
    expect(stdout).not.toContain('00000000`0000fff0')
  })
})

describe('a file that is no dump', () => {
  it.each([
    ['no -z', [], 2, /kd needs a dump/],
    ['an option that is not there', ['-z', 'x', '-nope'], 2, /kd has no option '-nope'/],
    ['-z without a file', ['-z'], 2, /kd -z needs a value/],
    ['a file that is not there', ['-z', 'nothing.dmp'], 2, /nothing\.dmp/],
    ['a text', ['-z', 'text.dmp'], 1, /the file starts with .* expected PAGEDU64/],
  ])('%s ends with its exit code and one line', (_, args, expected, message) => {
    writeFileSync(path.join(folder.path, 'text.dmp'), 'nothing of a dump')
    const { code, stdout, stderr } = kd(args)
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect([code, stdout]).toEqual([expected, ''])
  })

  it('opens a dump that is cut in the middle, and says what is missing', () => {
    const cut = path.join(folder.path, 'cut.dmp')
    writeFileSync(cut, readFileSync(dump).subarray(0, 0x40000))
    const { code, stdout } = kd(['-z', cut, '-c', 'r; k; lm; !analyze -v; .bugcheck; q'])
    expect(code).toBe(0)
    expect(stdout).toContain('Bugcheck code 000000E2')
    expect(stdout).toContain('The list of modules is damaged')
  })
})

const real = sharedData('dumps/triage_x64_19041.dmp')
const isf = sharedData('isf')
describe.skipIf(real === null || isf === null)(
  'the real minidump of shared/data with its table of types',
  () => {
    it('opens through the symbol path alone: code, types, names, and amdppm at fault', () => {
      const commands = 'u . L1; dt nt!_EPROCESS ImageFileName; .ecxr; !analyze; x nt!KeBugCheckEx'
      const { code, stdout } = kd(['-z', real!, '-y', isf!, '-c', `${commands}; q`])
      expect(code).toBe(0)
      expect(stdout).toContain('fffff804`7bdf5a80 48894c2408      mov     qword ptr [rsp+8],rcx')
      expect(stdout).toContain('   +0x5a8 ImageFileName    : [15] UChar')
      expect(stdout).toContain(
        '43891401        mov     dword ptr [r9+r8],edx ds:002b:ffff9b00`0336004c=????????',
      )
      expect(stdout).toContain('MODULE_NAME: amdppm\n')
      expect(stdout).toContain('fffff804`7bdf5a80 nt!KeBugCheckEx\n')
    })
  },
)

const unwound = sharedData('dumps/triage_x64_17763_1000007e.dmp')
it.skipIf(unwound === null)(
  'finds the caller of a leaf by its code alone (needs shared/data/dumps/triage_x64_17763_1000007e.dmp)',
  () => {
    const { code, stdout } = kd(['-z', unwound!, '-c', '.ecxr; k; !analyze; q'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ffff9980`71d4efd0 \?{8}`\?{8} {5}winhvr\+0x16755 \[code\]$/m)
    expect(stdout).toContain('IMAGE_NAME:  winhvr.sys\n')
  },
)

describe('a symbol server', () => {
  let server: Server
  let answer: RequestListener
  const asked: string[] = []
  beforeAll(async () => {
    server = createServer((request, response) => {
      asked.push(request.url!)
      answer(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  const place = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}` // it listens on a port

  function start(store: string): {
    child: ChildProcess
    says: (text: string) => Promise<number>
    said: () => string
  } {
    const child = spawn(process.execPath, [bin, '-z', miniOf(), '-y', `srv*${store}*http://${place()}`], {
      cwd: folder.path,
      env: { ...process.env, HOME: folder.path },
    })
    let text = ''
    const began = Date.now()
    const wake = new Set<() => void>()
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (part) => {
        text += part
        for (const call of wake) call()
      })
    }
    const says = (wanted: string): Promise<number> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!text.includes(wanted)) return
          wake.delete(look)
          resolve(Date.now() - began)
        }
        wake.add(look)
        look()
      })
    return { child, says, said: () => text }
  }

  it('that does not answer keeps neither the banner nor Ctrl-C waiting', async () => {
    answer = () => undefined
    const { child, says, said } = start('silent')
    await says('For analysis of this file')
    await expect.poll(() => asked.length).toBeGreaterThan(0)
    child.kill('SIGINT')
    await says('^ interrupted')
    child.stdin!.end('? 3\nq\n')
    const code = await new Promise((resolve) => child.on('exit', resolve))
    expect([code, said().includes('Evaluate expression: 3 = ')]).toEqual([0, true])
  }, 15_000)

  it('that answers gives the image and by its CodeView record the PDB, each named with its bytes', async () => {
    answer = ({ url }, response) => {
      const name = path.basename(url!).replace('ntoskrnl.exe', 'ntkrnlmp.exe')
      const file = path.join(guestSymbols, name)
      if (!/^ntkrnlmp\.(?:exe|pdb)$/.test(name)) response.writeHead(404).end()
      else response.end(readFileSync(file))
    }
    const { child, said } = start('answering')
    child.stdin!.end('q\n')
    await new Promise((resolve) => child.on('close', resolve))
    const bytesOf = (name: string): string =>
      readFileSync(path.join(guestSymbols, name)).byteLength.toLocaleString('en-US')
    expect(said()).toContain(`ntoskrnl.exe from ${place()}: ${bytesOf('ntkrnlmp.exe')} bytes\n`)
    expect(said()).toContain(`ntkrnlmp.pdb from ${place()}: ${bytesOf('ntkrnlmp.pdb')} bytes\n`)
    expect(said()).toContain('nt!KeBugCheckEx:\n')
  }, 15_000)
})
