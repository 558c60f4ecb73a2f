// What our PE reader says about real files, against llvm-readobj: guest images (lld) and images of Microsoft's linker.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type PeImage, parsePe, REGISTER_NAMES, type UnwindCode } from '@dumpstack/image'
import { describe, expect, it } from 'vitest'
import {
  GUEST_BIN,
  goodMiniports,
  guestImages,
  hasTool,
  MINIPORT_BIN,
  sharedData,
  toolOutput,
} from './tools.ts'

const READOBJ = 'llvm-readobj-16'
const isInstalled = hasTool(READOBJ)
const hex = (value: number): string => `0x${value.toString(16).toUpperCase()}`

const files: [name: string, file: string | null][] = [
  ...guestImages().map((name): [string, string] => [name, path.join(GUEST_BIN, name)]),
  ...goodMiniports.map((name): [string, string] => [name, path.join(MINIPORT_BIN, name)]),
  ...['sentry_CrashWithException.exe', 'syz_test_types_x64.dll'].map((name): [string, string | null] => [
    name,
    sharedData(`pdb/${name}`),
  ]),
]

/** The lines of an unwind code as llvm-readobj prints them. */
function printed(code: UnwindCode, frame: { register: number | null; offset: number }): string {
  const offset = `0x${code.codeOffset.toString(16).toUpperCase().padStart(2, '0')}: ${code.op}`
  const register = (n: number): string => REGISTER_NAMES[n]!.toUpperCase()
  switch (code.op) {
    case 'PUSH_NONVOL':
      return `${offset} reg=${register(code.register)}`
    case 'ALLOC_SMALL':
    case 'ALLOC_LARGE':
      return `${offset} size=${code.byteLength}`
    case 'SET_FPREG':
      return `${offset} reg=${register(frame.register!)}, offset=${hex(frame.offset)}`
    case 'SAVE_NONVOL':
    case 'SAVE_NONVOL_FAR':
      return `${offset} reg=${register(code.register)}, offset=${hex(code.offset)}`
    case 'SAVE_XMM128':
    case 'SAVE_XMM128_FAR':
      return `${offset} reg=XMM${code.register}, offset=${hex(code.offset)}`
    case 'PUSH_MACHFRAME':
      return `${offset} errcode=${code.hasErrorCode ? 'yes' : 'no'}`
    case 'EPILOG':
      return `${offset}`
  }
}

function unwindAsPrinted(image: PeImage): string[] {
  const base = Number(image.preferredBase)
  return image.runtimeFunctions.map(({ beginRva, endRva, unwindRva }) => {
    const info = image.unwindInfo(unwindRva)
    const frame = { register: info.frameRegister, offset: info.frameOffset }
    return [
      `${hex(base + beginRva)} ${hex(base + endRva)} ${hex(base + unwindRva)}`,
      `version ${info.version} flags ${hex(info.flags)} prolog ${info.sizeOfProlog}`,
      `frame ${frame.register === null ? '-' : REGISTER_NAMES[frame.register]!.toUpperCase()}`,
      `handler ${info.handlerRva === null ? '-' : hex(base + info.handlerRva)}`,
      ...info.codes.map((code) => printed(code, frame)),
    ].join('\n')
  })
}

function unwindOf(output: string): string[] {
  return output
    .split(/^ {2}RuntimeFunction \{$/m)
    .slice(1)
    .map((text) => {
      const field = (name: string): string => new RegExp(`${name}: (.*)$`, 'm').exec(text)?.[1] ?? '-'
      const address = (name: string): string => /0x[0-9A-F]+/.exec(field(name))?.[0] ?? '-'
      const codes = /UnwindCodes \[\n([^\]]*)\]/.exec(text)?.[1] ?? ''
      return [
        `${address('StartAddress')} ${address('EndAddress')} ${address('UnwindInfoAddress')}`,
        `version ${field('Version')} flags ${/Flags \[ \((.*)\)/.exec(text)?.[1]} prolog ${field('PrologSize')}`,
        `frame ${field('FrameRegister').split(' ')[0]}`,
        `handler ${address(' Handler')}`,
        ...codes
          .split('\n')
          .map((line) => line.trim())
          .filter((line) => line !== ''),
      ].join('\n')
    })
}

describe.each(files)('%s reads as llvm-readobj reads it', (name, file) => {
  const test = it.skipIf(!isInstalled || file === null)
  const needs = `(needs ${READOBJ}${file === null ? ` and shared/data/pdb/${name}` : ''})`
  const image = (): PeImage => parsePe(readFileSync(file!))

  test(`headers, sections and PDB identity ${needs}`, () => {
    const output = toolOutput(READOBJ, ['--file-headers', '--sections', '--coff-debug-directory', file!])
    const numbers = (field: string): number[] =>
      [...output.matchAll(new RegExp(`^ *${field}: (?:.*\\()?(0x[0-9A-F]+|\\d+)\\)?`, 'gm'))].map((m) =>
        Number(m[1]),
      )
    const pe = image()
    expect([pe.machine]).toEqual(numbers('Machine'))
    // The debug directory repeats the time stamp.
    expect([pe.timeDateStamp]).toEqual(numbers('TimeDateStamp').slice(0, 1))
    expect([pe.entryPointRva]).toEqual(numbers('AddressOfEntryPoint'))
    expect([pe.sizeOfImage]).toEqual(numbers('SizeOfImage'))
    expect([pe.sizeOfHeaders]).toEqual(numbers('SizeOfHeaders'))
    expect([pe.checkSum]).toEqual(numbers('CheckSum'))
    expect([Number(pe.preferredBase)]).toEqual(numbers('ImageBase'))
    expect(pe.sections.map((section) => section.rva)).toEqual(numbers('VirtualAddress'))
    expect(pe.sections.map((section) => section.virtualSize)).toEqual(numbers('VirtualSize'))
    expect(pe.sections.map((section) => section.fileOffset)).toEqual(
      numbers('PointerToRawData').slice(0, pe.sections.length),
    )
    // Printed as 16 bytes; the first three fields are little-endian numbers.
    const raw = /PDBGUID: \((.*)\)/.exec(output)![1]!.split(' ')
    const guid = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map((i) => raw[i]).join('')
    const path = /PDBFileName: (.*)/.exec(output)?.[1]
    expect(pe.rsds).toMatchObject({ guid, path, age: numbers('PDBAge')[0] })
  })

  test(`exports, forwarders and imports ${needs}`, () => {
    const output = toolOutput(READOBJ, ['--coff-exports', '--coff-imports', file!])
    const pe = image()
    const exported = [...output.matchAll(/Name: (.*)\n {2}RVA: (.*)/g)].map((m) => [m[1], Number(m[2])])
    const forwarded = [...output.matchAll(/Name: (.*)\n {2}ForwardedTo: (.*)/g)].map((m) => [m[1], m[2]])
    expect([...pe.exports].sort()).toEqual(exported.sort())
    expect([...pe.forwarders].sort()).toEqual(forwarded.sort())
    const imports = output
      .split(/^Import \{$/m)
      .slice(1)
      .map((text) => ({
        dll: /Name: (.*)/.exec(text)?.[1],
        iat: Number(/ImportAddressTableRVA: (.*)/.exec(text)?.[1]),
        names: [...text.matchAll(/Symbol: (.*) \(\d+\)/g)].map((m) => m[1]),
      }))
    expect(
      pe.imports.map(({ dll, names }) => ({
        dll,
        iat: names[0]!.iatRva,
        names: names.map((entry) => entry.name),
      })),
    ).toEqual(imports)
  })

  test(`security cookie ${needs}`, () => {
    const pe = image()
    const output = toolOutput(READOBJ, ['--coff-load-config', file!])
    const cookie = BigInt(/SecurityCookie: (.*)/.exec(output)?.[1] ?? 0)
    expect(pe.securityCookieRva).toBe(cookie === 0n ? null : Number(cookie - pe.preferredBase))
    if (name.startsWith('ds')) expect(cookie !== 0n).toBe(!name.startsWith('dsahci'))
  })

  test(`relocations ${needs}`, () => {
    const output = toolOutput(READOBJ, ['--coff-basereloc', file!])
    expect([...image().relocations]).toEqual(
      [...output.matchAll(/Type: DIR64\n *Address: (.*)/g)].map((m) => Number(m[1])),
    )
  })

  test(`unwind information of every function ${needs}`, () => {
    const expected = unwindOf(toolOutput(READOBJ, ['--unwind', file!]))
    expect(expected.length).toBeGreaterThan(0)
    expect(unwindAsPrinted(image())).toEqual(expected)
  })
})

/** llvm-rc-16, which has no --version, comes with llvm-pdbutil-16. */
const BUILDERS = ['clang-16', 'lld-link-16', 'llvm-pdbutil-16']
it.skipIf(!BUILDERS.every(hasTool))(
  `reads the version that llvm-rc writes (needs ${BUILDERS.join(', ')})`,
  () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-version-'))
    const at = (name: string): string => path.join(folder, name)
    try {
      writeFileSync(at('v.rc'), '1 VERSIONINFO\nFILEVERSION 100,93,104,24000\nBEGIN\nEND\n')
      writeFileSync(at('d.c'), 'int DriverEntry(void) { return 0; }\n')
      toolOutput('llvm-rc-16', ['-no-preprocess', '/fo', at('v.res'), at('v.rc')])
      toolOutput('clang-16', ['--target=x86_64-pc-windows-msvc', '-c', at('d.c'), '-o', at('d.obj')])
      toolOutput('lld-link-16', [
        ...['/nologo', '/subsystem:native', '/nodefaultlib', '/driver', '/entry:DriverEntry'],
        ...[`/out:${at('d.sys')}`, at('d.obj'), at('v.res')],
      ])
      expect(parsePe(readFileSync(at('d.sys'))).fileVersion).toBe('100.93.104.24000')
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
