// Names that command terminals, reorder their neighbours or forge lines, through every command of the three programs: in file
// names, folders, module names, PDBs and images. Nothing of them reaches a screen, JSON or a report but as an escape. A command
// that is not listed here fails the test.
import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { buildDump, buildPdb, buildPe } from '@dumpstack/testkit'
import { sharedData } from '@dumpstack/testkit/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Finished, listedCommands, repository, temporaryFolder } from './cli.ts'

/** A clear of the screen, CSI of C1, a right-to-left override, a line separator, a line feed and a bell. */
const NAME = 'e\x1b[2J\x9b1m\u202e\u2028\n\x07x'
const SHOWN = String.raw`e\u001b[2J\u009b1m\u202e\u2028\u000a\u0007x`
const OBEYED = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const SMALL = ['--ram', '64M', '--cpus', '1', '--dumps', 'mini']

const folder = temporaryFolder()
afterAll(() => folder.remove())
/** Everything lies in a folder of that name. */
const place = path.join(folder.path, NAME)
const inPlace = (name: string): string => path.join(place, name)
const DRIVER = `${NAME}.sys`
const RUN = `${NAME}-run`
const DUMP = `${NAME}.dmp`
const PDB = `${NAME}-other.pdb`
const SYMBOLS = 'symbols'

function run(program: 'dumpstack' | 'kd' | 'crashdumptest', args: readonly string[]): Finished {
  const bin = path.join(repository, `packages/cli/bin/${program}.js`)
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: place,
    encoding: 'utf8',
    input: '',
    env: { ...process.env, _NT_SYMBOL_PATH: '', HOME: folder.path },
  })
  return { code: status, stdout, stderr }
}

/** Lines that end where ours do, with nothing in them that is obeyed. */
const expectPrintable = (text: string): void => expect(text.replaceAll('\n', '')).not.toMatch(OBEYED)

function expectShown({ stdout, stderr }: Finished): void {
  expectPrintable(stdout)
  expectPrintable(stderr)
  expect(stdout + stderr).toContain(SHOWN)
}

/** A file whose names of `plain` are hostile ones of the same length. */
function rename(file: string, plain: string): void {
  const bytes = readFileSync(file)
  const hostile = Buffer.from(`R\x1b[2J\u202e${'x'.repeat(plain.length - 8)}`)
  let count = 0
  for (let at = bytes.indexOf(plain); at >= 0; at = bytes.indexOf(plain, at + 1)) {
    hostile.copy(bytes, at)
    count++
  }
  if (count === 0) throw new Error(`${plain} is not in ${file}`)
  writeFileSync(file, bytes)
}
const RENAMED = String.raw`R\u001b[2J\u202e`

beforeAll(() => {
  mkdirSync(place)
  const miniports = path.join(repository, 'guest/miniports/bin')
  copyFileSync(path.join(miniports, 'dsahci-b23.sys'), inPlace(DRIVER))
  copyFileSync(path.join(miniports, 'dsahci-b23.pdb'), inPlace(`${NAME}.pdb`))
  rename(inPlace(`${NAME}.pdb`), 'AhciHwFindAdapter')
  cpSync(path.join(repository, 'guest/bin'), inPlace(SYMBOLS), { recursive: true })
  rename(inPlace('symbols/crashtst.pdb'), 'CrashTestTriggerBugcheck')
  rename(inPlace('symbols/ntkrnlmp.pdb'), 'InLoadOrderLinks')
  const base = 0xfffff80312400000n
  const modules = [
    { name: 'ntoskrnl.exe', base, size: 0x8000 },
    { name: `${NAME}.sys`, base: base + 0x10000n, size: 0x8000 },
    { name: 'half\ud800.sys', base: base + 0x20000n, size: 0x8000 },
  ]
  const unloaded = [{ name: 'u\x1b[2J', start: base + 0x30000n, end: base + 0x38000n }]
  writeFileSync(inPlace(DUMP), buildDump({ type: 5, modules, unloaded }).bytes)
  const publics = [{ name: NAME, segment: 1, offset: 0 }]
  writeFileSync(inPlace(PDB), buildPdb({ publics, modules: [{ name: NAME }] }))
  writeFileSync(
    inPlace('imports.sys'),
    buildPe({
      sections: [{ name: 'x\x1b[2J', bytes: new Uint8Array(16).fill(0xc3) }],
      relocations: [0x1008],
      entryPoint: 0x1000,
      imports: { [NAME]: [NAME] },
      rsds: { guid: new Uint8Array(16), age: 1, path: `${NAME}.pdb` },
    }),
  )
  expect(
    run('dumpstack', ['test', ...SMALL, '--driver', DRIVER, '--out', RUN, '--junit', 'junit.xml']).code,
  ).toBe(1)
}, 240_000)

const ONE_LIFE = ['--plan', 'one']

const miniDump = (): string => {
  const mini = path.join(RUN, 'mini')
  return path.join(mini, readdirSync(inPlace(mini)).find((name) => name.endsWith('.dmp'))!)
}

/** Of each command of dumpstack, ways to meet a hostile name; the last of each line is refused with it. */
const COMMANDS: Readonly<Record<string, readonly (() => readonly string[])[]>> = {
  test: [
    () => ['test', '--resume', RUN],
    () => ['test', '--resume', RUN, '--junit', NAME],
    () => ['test', '--driver', `${NAME}-none.sys`],
  ],
  check: [() => ['check', 'imports.sys'], () => ['check', `${NAME}-none.sys`]],
  examine: [
    () => ['examine', RUN, '--junit', 'examine.xml'],
    () => ['examine', DUMP, '--as', 'mini'],
    () => ['examine', `${NAME}-none`],
  ],
  report: [
    () => ['report', RUN],
    () => ['report', RUN, '--out', `${NAME}.html`],
    () => ['report', `${NAME}-none`],
  ],
  calls: [() => ['calls', RUN], () => ['calls', `${NAME}-none`]],
  verify: [() => ['verify', DUMP], () => ['verify', `${NAME}-none.dmp`]],
  kd: [() => ['kd', '-z', DUMP, '-c', 'lm; q'], () => ['kd', '-z', `${NAME}-none.dmp`]],
  cmd: [() => ['cmd', RUN, 'kd -z C:\\none.dmp'], () => ['cmd', `${NAME}-none`, 'kd']],
  stack: [() => ['stack', '--controller', NAME]],
  pdb: [
    () => ['pdb', PDB],
    () => ['pdb', PDB, '--publics'],
    () => ['pdb', PDB, '--types', NAME],
    () => ['pdb', PDB, '--lines', NAME],
    () => ['pdb', PDB, '--image', DRIVER],
    () => ['pdb', `${NAME}-none.pdb`],
  ],
  // it answers with the list of commands, whatever it is asked for
  help: [],
}

describe.skipIf(process.platform === 'win32')('hostile names (file systems of Windows refuse them)', () => {
  it('meet every command there is', () => {
    expect(listedCommands().sort()).toEqual(Object.keys(COMMANDS).sort())
  })

  it.each(
    Object.entries(COMMANDS).flatMap(([name, ways]) =>
      ways.map((args, index) => [name, index, args] as const),
    ),
  )('do nothing in dumpstack %s, way %i', (_, __, args) => expectShown(run('dumpstack', args())), 120_000)

  it('do nothing in errors about the command line', () => {
    for (const args of [[NAME], [`--${NAME}`], ['verify', `--${NAME}`], ['test', '--seed', NAME]])
      expectShown(run('dumpstack', args))
  })

  it('are escapes in what check says of a driver, names of its functions from its PDB among them', () => {
    const done = run('dumpstack', ['check', DRIVER, ...ONE_LIFE, '--sarif', 'check.sarif'])
    expectShown(done)
    expect(done.stdout).toContain(`!${RENAMED}`)
  }, 120_000)

  it.each([
    ['test', () => ['test', '--resume', RUN]],
    ['check', () => ['check', DRIVER, ...ONE_LIFE]],
    ['examine', () => ['examine', RUN]],
    ['verify', () => ['verify', DUMP]],
    ['kd', () => ['kd', '-z', DUMP, '-c', 'lmv; q']],
    ['calls', () => ['calls', RUN]],
    ['pdb', () => ['pdb', PDB]],
  ])('stay what they are in the JSON of %s, and are escapes where it is shown', (command, args) => {
    const { stdout, stderr } = run('dumpstack', [...args(), '--json'])
    expect(stderr).toBe('')
    expectPrintable(stdout)
    const values =
      command === 'calls' || command === 'kd'
        ? stdout
            .trimEnd()
            .split('\n')
            .map((line): unknown => JSON.parse(line))
        : JSON.parse(stdout)
    expect(JSON.stringify(values)).toContain(JSON.stringify(NAME).slice(1, -1))
  })

  it('are escapes in every text that a run leaves', () => {
    const texts = [
      'junit.xml',
      'examine.xml',
      'check.sarif',
      `${RUN}/crashdumptest.log`,
      `${RUN}/journal.jsonl`,
      `${RUN}/result.json`,
    ]
    for (const file of texts) {
      const text = readFileSync(inPlace(file), 'utf8')
      expectPrintable(text)
      expect(text, file).toMatch(/e\\u001b\[2J|e%1B%5B2J/)
    }
  })

  it('are escapes in names of functions, from the PDB of a driver, among its calls', () => {
    expect(run('dumpstack', ['calls', RUN, '--routine', 'HwFindAdapter']).stdout).toContain(RENAMED)
  })
})

const given = sharedData('cases/11-module-names/names.dmp')
describe.skipIf(given === null)('modules of drivers in the field (shared/data/cases/11-module-names)', () => {
  it.each([
    ['verify', ['verify', given ?? '']],
    ['kd', ['kd', '-z', given ?? '', '-c', 'lm; lmv; !analyze -v; q']],
  ])('are shown in their own letters by %s, and command nothing', (_, args) => {
    const { stdout, stderr } = run('dumpstack', args)
    expectPrintable(stdout)
    expect(stderr).toBe('')
    expect(stdout).toMatch(/\p{Script=Han}/u)
    expect(stdout).toMatch(/[äöüß]/)
    expect(stdout).toContain(String.raw`\u202e`)
    expect(stdout).toContain(String.raw`\u001b`)
  })
})

/** Of each command of kd, lines that show names. */
const KD: Readonly<Record<string, readonly string[]>> = {
  '!analyze': ['!analyze', '!analyze -v'],
  '.bugcheck': ['.bugcheck'],
  '.cxr': ['.cxr'],
  db: ['db nt', `da ${NAME}`],
  dt: ['dt nt!_KLDR_DATA_TABLE_ENTRY', `dt nt!${NAME}`],
  '.dumpdebug': ['.dumpdebug'],
  dv: ['dv', `dv ${NAME}`],
  '.ecxr': ['.ecxr'],
  '.enumtag': ['.enumtag'],
  '?': [`? ${NAME}`],
  '.exr': ['.exr -1'],
  '.frame': ['.frame', `.frame ${NAME}`],
  k: ['k', 'kv'],
  lm: ['lm', 'lmv', 'lmvm *', `lm m ${NAME}`],
  ln: ['ln nt', `ln ${NAME}`],
  '.logclose': ['.logclose'],
  '.logopen': [`.logopen ${NAME}.log`],
  '!process': ['!process 0 7', `!process 0 0 ${NAME}`],
  '~': ['~', `~0 ${NAME}`],
  '!pte': ['!pte nt'],
  q: [],
  r: ['r', `r ${NAME}`],
  '.reload': ['.reload /f', `.reload /f ${NAME}`],
  '.sympath': [`.sympath+ ${NAME}`, '.sympath'],
  '!thread': ['!thread'],
  '.trap': ['.trap'],
  u: ['u nt', `u ${NAME}`],
  vertarget: ['vertarget'],
  x: ['x nt!*', 'x crashtst!*', `x ${NAME}!*`],
  '.help': ['.help', `.help ${NAME}`],
}

describe.skipIf(process.platform === 'win32')('hostile names in kd', () => {
  it('meet every command there is', () => {
    const { stdout } = run('kd', ['-z', DUMP, '-c', '.help; q'])
    const names = [...stdout.matchAll(/^(\S+) {2,}[a-z].*$/gm)].map(([, name]) => name)
    expect(names.sort()).toEqual(Object.keys(KD).sort())
  })

  const lines = Object.values(KD).flat()
  it.each([
    ['module names', () => [DUMP]],
    ['the PDBs of the run', () => [miniDump(), '-y', SYMBOLS]],
    ['a symbol path', () => [DUMP, '-y', `SRV*${NAME}*http://127.0.0.1:1/${NAME};${NAME}`]],
  ])(
    'do nothing, with %s',
    (_, args) => {
      const done = run('kd', ['-z', ...args(), '-logo', `${NAME}.all.log`, '-c', `${lines.join('; ')}; q`])
      expectShown(done)
      expect(done.stderr).toBe('')
      expectPrintable(readFileSync(inPlace(`${NAME}.all.log`), 'utf8'))
      const json = run('kd', ['-z', ...args(), '--json', '-c', `${lines.join('; ')}; q`])
      expectPrintable(json.stdout)
      const facts = json.stdout.trimEnd().split('\n').map((fact) => JSON.parse(fact)) // biome-ignore format: one step a line
      expect(JSON.stringify(facts)).toContain(JSON.stringify(NAME).slice(1, -1))
    },
    120_000,
  )

  it('are escapes where symbols have them', () => {
    const { stdout } = run('kd', [
      '-z',
      miniDump(),
      '-y',
      SYMBOLS,
      '-c',
      'k; dt nt!_KLDR_DATA_TABLE_ENTRY; q',
    ])
    expect(stdout).toContain(`crashtst!${RENAMED}`)
    expect(stdout).toMatch(/\+0x000 R\\u001b\[2J\\u202ex* /)
  })

  it('do nothing in errors about the command line', () => {
    for (const args of [
      [NAME],
      [`-${NAME}`],
      ['-z', `${NAME}-none`],
      ['-z', DUMP, '-logo', `${NAME}/none/x`],
    ])
      expectShown(run('kd', args))
  })
})

describe.skipIf(process.platform === 'win32')('hostile names in crashdumptest', () => {
  const WORK = `${NAME}-work`
  it('do nothing in errors', () => {
    for (const args of [
      [`-${NAME}`],
      ['-autorun', '-y', NAME, '-work', WORK],
      ['-dtm', '-y', `${NAME}-none`, '-work', WORK],
      ['-dtm', '-y', NAME, '-ypass', '-driver', `${NAME}-none.sys`, '-work', WORK],
    ])
      expectShown(run('crashdumptest', args))
    expect(existsSync(inPlace(WORK))).toBe(false)
  })

  it('do nothing from the first step to the last', () => {
    const small = ['-ram', '64M', '-cpus', '1', '-dumps', 'mini', '-driver', DRIVER]
    const begun = run('crashdumptest', ['-dtm', '-y', SYMBOLS, '-ypass', '-work', WORK, ...small])
    expectPrintable(begun.stdout + begun.stderr)
    expectShown(run('crashdumptest', ['-autorun', '-y', NAME, '-work', WORK, '-junit', 'kit.xml']))
    expectShown(run('crashdumptest', ['-autorun', '-y', NAME, '-work', WORK]))
    expectPrintable(run('crashdumptest', ['-autorun', '-y', NAME, '-work', WORK, '-json']).stdout)
    for (const file of [`${WORK}/crashdumptest.log`, 'kit.xml'])
      expectPrintable(readFileSync(inPlace(file), 'utf8'))
    expectShown(run('crashdumptest', ['-c', '-work', WORK]))
  }, 240_000)
})
