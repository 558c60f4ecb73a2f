// RAM of a guest that QEMU wrote: the monitor's lines of docs/real-windows.md, and what our reader makes of the files beside QEMU's own
// flat copy of the same paused guest, and beside readelf.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { gpa } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { openGuestMemory } from '@dumpstack/dumpfile'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasQemu } from './qtest.ts'
import { hasTool, toolOutput } from './tools.ts'

const MIB = 0x100000
const LOW_BYTES = 64 * MIB
/** Memory that is plugged in begins above the hole. */
const HIGH = 0x1_0000_0000
const HIGH_BYTES = 16 * MIB

/** QEMU with its monitor, by QMP over standard input and output. */
class Monitor {
  readonly #process: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>

  constructor(args: readonly string[]) {
    this.#process = spawn('qemu-system-x86_64', [...args, '-qmp', 'stdio'])
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]()
  }

  /** What the command returns; events are passed over. */
  async execute(command: string, args: object = {}): Promise<unknown> {
    this.#process.stdin.write(`${JSON.stringify({ execute: command, arguments: args })}\n`)
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done) throw new Error(`QEMU ended at ${command}`)
      const answer = JSON.parse(value)
      if ('error' in answer) throw new Error(`${command}: ${answer.error.desc}`)
      if ('return' in answer) return answer.return
    }
  }

  /** A line as a person types it; what it prints. */
  async line(text: string): Promise<string> {
    return String(await this.execute('human-monitor-command', { 'command-line': text })).trim()
  }

  close(): void {
    this.#process.kill('SIGKILL')
  }
}

/** Bytes that tell their place. */
function pattern(byteLength: number, seed: number): Uint8Array {
  const words = new Uint32Array(byteLength / 4)
  for (let index = 0; index < words.length; index++) words[index] = Math.imul(index + seed, 0x9e3779b1)
  return new Uint8Array(words.buffer)
}

describe.skipIf(!hasQemu())('RAM that QEMU wrote (needs qemu-system-x86_64)', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'dumpstack-ram-'))
  const at = (name: string): string => path.join(folder, name)
  let status = ''

  beforeAll(async () => {
    writeFileSync(at('low'), pattern(MIB, 1))
    writeFileSync(at('high'), pattern(MIB, 2))
    const loader = (name: string, address: number): string[] => [
      '-device',
      `loader,file=${at(name)},addr=0x${address.toString(16)},force-raw=on`,
    ]
    const monitor = new Monitor([
      ...['-accel', 'tcg', '-display', 'none', '-nodefaults', '-no-user-config'],
      ...['-m', '64M,slots=1,maxmem=8G', '-object', 'memory-backend-ram,id=plugged,size=16M'],
      ...['-device', 'pc-dimm,memdev=plugged', '-device', 'pvpanic,events=1', '-action', 'panic=pause'],
      ...loader('low', 32 * MIB),
      ...loader('high', HIGH + 4 * MIB),
    ])
    try {
      await monitor.execute('qmp_capabilities')
      // What a driver of the panic device does.
      await monitor.line('o /b 0x505 1')
      status = await monitor.line('info status')
      const lines = [
        `dump-guest-memory ${at('ram.elf')}`,
        `dump-guest-memory -p ${at('paging.elf')}`,
        `dump-guest-memory -z ${at('ram.kdump')}`,
        `pmemsave 0 ${LOW_BYTES} "${at('ram.raw')}"`,
        `pmemsave ${HIGH} ${HIGH_BYTES} "${at('high.raw')}"`,
      ]
      for (const line of lines) expect(await monitor.line(line)).toBe('')
      await monitor.execute('dump-guest-memory', { paging: false, protocol: `file:${at('qmp.elf')}` })
      for (const line of ['cont', 'nmi', 'stop', 'system_reset', 'cont'])
        expect(await monitor.line(line)).toBe('')
    } finally {
      monitor.close()
    }
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('pauses at the panic of a guest, as it is told to', () => {
    expect(status).toBe('VM status: paused (guest-panicked)')
  })

  it.each(['ram.elf', 'paging.elf', 'qmp.elf'])('is read from %s as QEMU has it, byte by byte', (name) => {
    const memory = openGuestMemory(new FileSource(at(name)))
    expect(memory.format).toBe('ELF core')
    const flat = openGuestMemory(new FileSource(at('ram.raw')))
    expect(flat).toMatchObject({ format: 'raw', runs: [{ basePage: 0, pageCount: LOW_BYTES / 4096 }] })
    const high = openSync(at('high.raw'), 'r')
    const [found, expected] = [Buffer.alloc(MIB), Buffer.alloc(MIB)]
    let compared = 0
    for (const { basePage, pageCount } of memory.runs) {
      const end = (basePage + pageCount) * 4096
      for (let address = basePage * 4096; address < end; address += MIB) {
        const length = Math.min(MIB, end - address)
        if (address >= LOW_BYTES && address < HIGH) continue // the firmware below 4 GiB
        expect(memory.read(gpa(address), found.subarray(0, length))).toBe(length)
        if (address < HIGH) expect(flat.read(gpa(address), expected.subarray(0, length))).toBe(length)
        else readSync(high, expected, 0, length, address - HIGH)
        expect(found.subarray(0, length).equals(expected.subarray(0, length))).toBe(true)
        compared += length
      }
    }
    // All but what the firmware may have mapped otherwise, below 1 MiB.
    expect(compared).toBeGreaterThanOrEqual(LOW_BYTES - MIB + HIGH_BYTES)
    memory.read(gpa(HIGH + 4 * MIB), found)
    expect(found.equals(pattern(MIB, 2))).toBe(true)
  })

  it.skipIf(!hasTool('readelf'))('has the segments that readelf lists (needs readelf)', () => {
    const lines = [
      ...toolOutput('readelf', ['-lW', at('ram.elf')]).matchAll(/^ +LOAD +\S+ \S+ (\S+) (\S+)/gm),
    ]
    const listed = lines.map(([, address, bytes]) => [Number(address), Number(bytes)] as const)
    expect(listed.length).toBeGreaterThanOrEqual(3)
    const ends = new Map(listed.map(([address, bytes]) => [address, address + bytes]))
    const joined: { basePage: number; pageCount: number }[] = []
    for (const [address, end] of [...ends].sort(([a], [b]) => a - b)) {
      const last = joined.at(-1)
      const [basePage, pageCount] = [address / 4096, (end - address) / 4096]
      if (last !== undefined && last.basePage + last.pageCount === basePage) last.pageCount += pageCount
      else joined.push({ basePage, pageCount })
    }
    expect(openGuestMemory(new FileSource(at('ram.elf'))).runs).toEqual(joined)
  })

  it('is refused in the compressed format, with what to type instead', () => {
    expect(readFileSync(at('ram.kdump')).subarray(0, 12).toString()).toBe('makedumpfile')
    expect(() => openGuestMemory(new FileSource(at('ram.kdump')))).toThrow(
      /^the file is a kdump-compressed core, flattened by makedumpfile: write the RAM by dump-guest-memory FILE /,
    )
  })
})
