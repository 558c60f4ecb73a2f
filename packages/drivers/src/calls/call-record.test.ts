// A record says what its observer saw, in order; within its bounds; and damage raises nothing but our own error.
import type { RegisterWindow } from '@dumpstack/machine'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DriversError } from '../errors.ts'
import type { ObservedPlace, SysObserver } from '../sys/sys-observer.ts'
import { readCalls } from './call-decoder.ts'
import { CallEncoder } from './call-encoder.ts'
import type { CallEvent } from './call-event.ts'

const WINDOW: RegisterWindow = {
  controller: 'ahci0',
  model: 'ahci',
  bar: 5,
  kind: 'mmio',
  base: 0xe0000000,
  byteLength: 0x1000,
}

const at = (atNs: number, given: Partial<ObservedPlace> = {}): ObservedPlace => ({
  life: 'dump',
  module: 'dump_x.sys',
  routine: 'HwStartIo',
  rva: 0x1000,
  irql: 15,
  atNs,
  ...given,
})

function record(
  work: (observer: SysObserver) => void,
  bounds: { headBytes?: number; tailBytes?: number } = {},
): Uint8Array {
  const parts: Uint8Array[] = []
  const encoder = new CallEncoder({
    write: (bytes) => parts.push(bytes.slice()),
    nameAt: (rva) => (rva === 0x1000 ? 'Start+0x10' : null),
    ...bounds,
  })
  encoder.starts([WINDOW])
  work(encoder)
  encoder.end()
  return Uint8Array.from(Buffer.concat(parts))
}

const read = (bytes: Uint8Array, chunk = 7): CallEvent[] => {
  const chunks = function* (): Generator<Uint8Array> {
    for (let from = 0; from < bytes.byteLength; from += chunk) yield bytes.subarray(from, from + chunk)
  }
  return [...readCalls(chunks(), 'calls.bin')]
}

const access = (direction: 'read' | 'write', address: number, byteLength: number, value: bigint) =>
  ({ kind: 'mmio', direction, address, byteLength, value, rip: 0n }) as never // a Gva brand; the encoder does not look at it

it('gives back calls, what happens inside them, and register accesses by window', () => {
  const bytes = record((observer) => {
    observer.callBegins(at(100, { irql: 0, life: 'runtime', module: 'x.sys' }), 'StorPortInitialize', [
      0n,
      2n ** 64n - 1n,
    ])
    observer.deviceAccess(at(300.5), access('write', 0xe0000118, 4, 0x17n))
    observer.deviceAccess(at(301, { rva: null }), access('read', 0x1234, 2, 0xffffn))
    observer.callBegins(at(400), 'memset', [1n, 2n])
    observer.callEnds(450, 1n)
    observer.callBegins(at(460), 'memset', [1n, 3n])
    observer.callEnds(470, null)
    observer.callEnds(500, 0xc00000bbn)
  })
  const runtime = {
    life: 'runtime',
    irql: 0,
    module: 'x.sys',
    routine: 'HwStartIo',
    rva: 0x1000,
    symbol: 'Start+0x10',
  }
  const dump = { ...runtime, life: 'dump', irql: 15, module: 'dump_x.sys' }
  expect(read(bytes)).toEqual([
    {
      kind: 'call',
      site: runtime,
      atNs: 100,
      depth: 0,
      name: 'StorPortInitialize',
      args: [0n, 2n ** 64n - 1n],
      ended: null,
    },
    {
      kind: 'access',
      site: dump,
      atNs: 300,
      depth: 1,
      direction: 'write',
      byteLength: 4,
      window: WINDOW,
      offset: 0x118,
      value: 0x17n,
    },
    {
      kind: 'access',
      site: { ...dump, rva: null, symbol: null },
      atNs: 301,
      depth: 1,
      direction: 'read',
      byteLength: 2,
      window: null,
      offset: 0x1234,
      value: 0xffffn,
    },
    {
      kind: 'call',
      site: dump,
      atNs: 400,
      depth: 1,
      name: 'memset',
      args: [1n, 2n],
      ended: { tookNs: 50, result: 1n },
    },
    { kind: 'call', site: dump, atNs: 460, depth: 1, name: 'memset', args: [1n, 3n], ended: null },
    { kind: 'stop', site: dump, atNs: 470, depth: 1, name: 'memset', result: null },
    { kind: 'return', site: runtime, atNs: 500, depth: 0, name: 'StorPortInitialize', result: 0xc00000bbn },
    { kind: 'end', calls: 3, accesses: 2 },
  ])
})

it('keeps the beginning and the end of what is too long, and says how much lies between', () => {
  const COUNT = 60_000
  const bytes = record(
    (observer) => {
      observer.callBegins(at(0), 'Outer', [7n])
      for (let i = 1; i <= COUNT; i++) {
        observer.callBegins(at(i * 10, { rva: 0x2000 + (i % 100) }), i % 1000 === 0 ? `Rare${i}` : 'Often', [
          BigInt(i),
          5n,
        ])
        observer.callEnds(i * 10 + 1, BigInt(i))
        observer.deviceAccess(at(i * 10 + 2), access('read', 0xe0000138, 4, BigInt(i)))
      }
      observer.callEnds(COUNT * 10 + 5, 0n)
    },
    { headBytes: 0x20000, tailBytes: 0x8000 },
  )
  expect(bytes.byteLength).toBeLessThan(0x20000 + 0x10000 + 0x8000 + 0x2000)
  const events = read(bytes, 0x1000)
  const gap = events.findIndex(({ kind }) => kind === 'gap')
  const numbersOf = (part: readonly CallEvent[]): bigint[] =>
    part.flatMap((event) => (event.kind === 'call' && event.args.length === 2 ? [event.args[0]!] : []))
  const head = numbersOf(events.slice(0, gap))
  const tail = numbersOf(events.slice(gap))
  expect(head).toEqual(head.map((_, index) => BigInt(index + 1)))
  expect(tail).toEqual(tail.map((_, index) => BigInt(COUNT - tail.length + index + 1)))
  expect(tail.length).toBeGreaterThan(500)
  const accesses = events.filter(({ kind }) => kind === 'access').length
  expect(events[gap]).toEqual({
    kind: 'gap',
    calls: COUNT - head.length - tail.length,
    accesses: COUNT - accesses,
  })
  const times = events.flatMap((event) => ('atNs' in event ? [event.atNs] : []))
  expect(times).toEqual([...times].sort((a, b) => a - b))
  expect(events.at(-2)).toMatchObject({ kind: 'return', name: 'Outer', result: 0n, depth: 0 })
  expect(events.at(-1)).toEqual({ kind: 'end', calls: COUNT + 1, accesses: COUNT })
})

it('counts calls that are nested deeper than anything real as cut', () => {
  const bytes = record((observer) => {
    for (let i = 0; i < 40; i++) observer.callBegins(at(i), 'Deeper', [])
    for (let i = 0; i < 40; i++) observer.callEnds(100 + i, 0n)
  })
  expect(read(bytes).slice(-2)).toEqual([
    { kind: 'gap', calls: 8, accesses: 0 },
    { kind: 'end', calls: 40, accesses: 0 },
  ])
})

const SAMPLE = record(
  (observer) => {
    for (let i = 0; i < 24; i++) {
      observer.callBegins(at(i * 100), 'StorPortInitialize', [1n, BigInt(i) << 60n])
      observer.deviceAccess(at(i * 100 + 1), access('write', 0xe0000100, 4, 1n))
      observer.callBegins(at(i * 100 + 2, { life: 'runtime' }), 'memset', [BigInt(i % 3)])
      observer.callEnds(i * 100 + 3, 0n)
      observer.callEnds(i * 100 + 4, i % 2 === 0 ? 1n : null)
    }
  },
  { headBytes: 300, tailBytes: 400 },
)

it('has every kind of record in the sample that is damaged', () => {
  expect(new Set(read(SAMPLE).map(({ kind }) => kind))).toEqual(
    new Set(['call', 'access', 'return', 'stop', 'gap', 'end']),
  )
})

it('takes a record that is cut off anywhere for what it says until there', () => {
  const whole = read(SAMPLE)
  for (let length = 0; length < SAMPLE.byteLength; length++) {
    const events = read(SAMPLE.subarray(0, length), 64)
    expect(events).toEqual(whole.slice(0, events.length))
  }
  expect(read(new Uint8Array(0))).toEqual([])
})

it('raises only its own error on damaged records', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(SAMPLE.byteLength - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      (writes) => {
        const bytes = SAMPLE.slice()
        for (const [offset, value] of writes) bytes[offset] = value
        try {
          read(bytes, 64)
        } catch (error) {
          expect(error).toBeInstanceOf(DriversError)
          expect(error).toMatchObject({ code: expect.stringMatching(/^CALLS_(DAMAGED|UNKNOWN)$/) })
        }
      },
    ),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
      try {
        read(Buffer.concat([SAMPLE.subarray(0, 8), random]), 64)
      } catch (error) {
        expect(error).toBeInstanceOf(DriversError)
      }
    }),
    { numRuns: 300 },
  )
})

it('refuses bytes that are no record, and bytes after its end', () => {
  expect(() => read(new TextEncoder().encode('hello, world'))).toThrow(
    /begins with 68 65 6c 6c 6f .*expected DSCALLS/,
  )
  expect(() => read(Buffer.concat([SAMPLE, Uint8Array.of(1)]))).toThrow(/bytes follow the end/)
})
