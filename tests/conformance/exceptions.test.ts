// Exceptions of a driver that clang compiled, dispatched to its own __try: each case is a bit of what DriverEntry returns.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { openSysFile } from '@dumpstack/drivers'
import { ahci } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { checkDriverFile } from '@dumpstack/windows/node'
import { afterAll, describe, expect, it } from 'vitest'
import { hasTool, toolOutput } from './tools.ts'

/** llvm-dlltool-16, which has no --version, comes with llvm-pdbutil-16. */
const TOOLS = ['clang-16', 'lld-link-16', 'llvm-pdbutil-16']
const work = mkdtempSync(path.join(os.tmpdir(), 'dumpstack-exceptions-'))
afterAll(() => rmSync(work, { recursive: true }))

const COMMON = `
typedef unsigned int ULONG;
typedef unsigned long long ULONG64;
#define IMPORT __declspec(dllimport)
IMPORT void ExRaiseStatus(ULONG Status);
IMPORT void *memcpy(void *To, const void *From, ULONG64 Length);
IMPORT ULONG StorPortInitialize(void *, void *, void *, void *);
typedef struct { ULONG Code, Flags; void *Next, *Address; ULONG Count; ULONG64 Information[15]; } RECORD;
typedef struct { RECORD *Record; unsigned char *Context; } POINTERS;
int probe(volatile int *at);
int quotient(int a, int b);
double clobber(volatile int *at, double x);
int through(int *order, volatile int *at);
#define BAD ((volatile int *)0x1000)
`
/** In a file of its own: where the compiler sees that nothing is raised, it drops the __try. */
const RAISING = `
int _fltused;
int probe(volatile int *at) { return *at; }
int quotient(int a, int b) { return a / b; }
static volatile double sink;
double clobber(volatile int *at, double x) {
  double a = x * 2, b = a + x, c = b * a, d = c + b, e = d * c, f = e + d, g = f * e;
  sink = a + b + c + d + e + f + g;
  int value = probe(at);
  return a + b + c + d + e + f + g + value;
}
int through(int *order, volatile int *at) {
  int value = 0;
  __try { value = probe(at); } __finally { *order = *order * 10 + 1; }
  return value;
}
`
const CASES = `
static int good = 7;
static ULONG seenCode, seenCount; static ULONG64 seenAddress; static void *seenPlace;
static int look(POINTERS *p) {
  seenCode = p->Record->Code; seenCount = p->Record->Count; seenAddress = p->Record->Information[1]; seenPlace = p->Record->Address;
  return 1;
}
static int mend(POINTERS *p) { // Rax where nothing is optimised, Rcx where it is
  *(ULONG64 *)(p->Context + 0x78) = *(ULONG64 *)(p->Context + 0x80) = (ULONG64)&good;
  return -1;
}
static int takes(void) { int v = 1; __try { v = probe(BAD); } __except (1) { v = 2; } return v == 2; }
static int untouched(void) { int v = 1; __try { v = probe(&good); } __except (1) { v = 2; } return v == 7; }
static int filtered(void) {
  int v = 1;
  __try { v = probe(BAD); } __except (look(_exception_info())) { v = 2; }
  return v == 2 && seenCode == 0xC0000005 && seenCount == 2 && seenAddress == 0x1000 && (ULONG64)seenPlace - (ULONG64)probe < 16;
}
static int nested(void) {
  int v = 0;
  __try { __try { v = probe(BAD); } __except (0) { v = 1; } } __except (1) { v = 2; }
  return v == 2;
}
static int order(void) {
  int steps = 0;
  __try { __try { probe(BAD); } __finally { steps = steps * 10 + 1; } } __except (steps = steps * 10 + 3, 1) { steps = steps * 10 + 2; }
  return steps == 312;
}
static int middle(void) {
  int steps = 0;
  __try { through(&steps, BAD); } __except (1) { steps = steps * 10 + 2; }
  return steps == 12;
}
static int normal(void) { int steps = 0; through(&steps, &good); return steps == 1; }
static int raised(void) {
  ULONG code = 0;
  __try { ExRaiseStatus(0xC0000123); } __except (1) { code = _exception_code(); }
  return code == 0xC0000123;
}
static int divided(void) {
  ULONG code = 0;
  __try { quotient(1, 0); } __except (1) { code = _exception_code(); }
  return code == 0xC0000094;
}
static int goesOn(void) { int v = 0; __try { v = probe(BAD); } __except (mend(_exception_info())) { v = 1; } return v == 7; }
static int copied(void) { int v = 0; __try { memcpy(&v, (void *)BAD, 4); } __except (1) { v = 9; } return v == 9; }
__attribute__((noinline)) static int kept(int a, int b, int c, int d, int e, double x, double y) {
  volatile int before = a * 3 + b * 5 + c * 7 + d * 11 + e * 13;
  double p = x * y + 1, q = x - y;
  __try { clobber(BAD, x); } __except (1) { }
  return before == a * 3 + b * 5 + c * 7 + d * 11 + e * 13 && p == x * y + 1 && q == x - y;
}
static int manyTimes(void) { int n = 0; for (int i = 0; i < 100; i++) n += takes(); return n == 100; }
ULONG DriverEntry(void *object, void *registry) {
  ULONG done = 0, bit = 0;
#define CASE(call) done |= (ULONG)((call) != 0) << bit++
  CASE(takes()); CASE(untouched()); CASE(filtered()); CASE(nested()); CASE(order()); CASE(middle()); CASE(normal());
  CASE(raised()); CASE(divided()); CASE(goesOn()); CASE(copied()); CASE(kept(2, 3, 5, 7, 11, 1.5, 2.25)); CASE(manyTimes());
  if (object == 0) StorPortInitialize(0, 0, 0, 0);
  return 0xE0000000 | done;
}
`
const ALL = 0xe0001fff

const driver = (body: string): string => `
ULONG DriverEntry(void *object, void *registry) {
  if (object == 0) StorPortInitialize(0, 0, 0, 0);
  ${body}
  return 0xE0000000;
}
`

function reportOf(name: string, source: string, level: string) {
  const at = (suffix: string): string => path.join(work, `${name}${suffix}`)
  writeFileSync(at('.c'), COMMON + source)
  writeFileSync(at('-raising.c'), COMMON + RAISING)
  writeFileSync(at('.def'), 'LIBRARY ntoskrnl.exe\nEXPORTS\nExRaiseStatus\nmemcpy\n__C_specific_handler\n')
  writeFileSync(at('-port.def'), 'LIBRARY storport.sys\nEXPORTS\nStorPortInitialize\n')
  for (const part of ['', '-port'])
    toolOutput('llvm-dlltool-16', ['-m', 'i386:x86-64', '-d', at(`${part}.def`), '-l', at(`${part}.lib`)])
  const flags = [
    '--target=x86_64-pc-windows-msvc',
    level,
    '-fms-extensions',
    '-fasync-exceptions',
    '-fasynchronous-unwind-tables',
  ]
  for (const part of ['', '-raising'])
    toolOutput('clang-16', [
      ...flags,
      '-ffreestanding',
      '-fno-builtin',
      '-w',
      '-c',
      at(`${part}.c`),
      '-o',
      at(`${part}.obj`),
    ])
  const link = ['/nologo', '/driver', '/subsystem:native', '/nodefaultlib', '/entry:DriverEntry', '/release']
  toolOutput('lld-link-16', [
    ...link,
    `/out:${at('.sys')}`,
    ...['.obj', '-raising.obj', '.lib', '-port.lib'].map(at),
  ])
  const file = openSysFile(`${name}.sys`, readFileSync(at('.sys')))
  return checkDriverFile(
    { file, names: { nameAt: () => null } },
    { profile: win10_19041, controller: ahci, seed: 1, settings: {}, isWhole: false },
  )
}

describe.runIf(TOOLS.every(hasTool))(`exceptions of a driver (need ${TOOLS.join(', ')})`, () => {
  it.each(['-O0', '-O1', '-O2'])('are dispatched to its own handlers, compiled with %s', (level) => {
    const report = reportOf('cases', CASES, level)
    expect(report.findings.map(({ message }) => message)).toEqual([
      expect.stringContaining(`DriverEntry returned 0x${ALL.toString(16)}`),
    ])
  })

  it('are a bugcheck where no handler takes them', () => {
    const report = reportOf('raises', driver('__try { ExRaiseStatus(0xC0000123); } __except (0) { }'), '-O1')
    expect(report.findings).toMatchObject([
      {
        rule: 'GUEST_FAULT',
        message: expect.stringContaining('raised the exception 0xc0000123 in raises+0x'),
      },
    ])
  })

  it('are a bugcheck at an address of the kernel, whatever handler there is', () => {
    const address = '(volatile int *)0xffffdead00000000'
    const report = reportOf('kernel', driver(`__try { probe(${address}); } __except (1) { }`), '-O1')
    expect(report.findings).toMatchObject([
      {
        rule: 'GUEST_FAULT',
        message: expect.stringContaining('touched 0xffffdead00000000, which is not mapped'),
      },
    ])
  })
})
