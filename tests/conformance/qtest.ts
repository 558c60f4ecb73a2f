// QEMU as a machine without a running processor: its qtest protocol (docs/devel/testing/qtest) over a pair of FIFOs,
// synchronously, so that the same driver runs on it as on the embedded machine.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import type { RawBus } from '@dumpstack/testkit'

const QEMU = 'qemu-system-x86_64'
const REPLY_BYTES = 1 << 16
/** qtest's names of access widths, by bytes. */
const WIDTH: Readonly<Record<number, string>> = { 1: 'b', 2: 'w', 4: 'l' }
/** Device models work in QEMU's main loop, in real time, between our commands. */
const pause = new Int32Array(new SharedArrayBuffer(4))

export const hasQemu = (): boolean =>
  process.platform === 'linux' && spawnSync(QEMU, ['--version'], { stdio: 'ignore' }).status === 0

export class QtestMachine implements RawBus {
  readonly #process: ChildProcess
  readonly #toQemu: number
  readonly #fromQemu: number
  readonly #reply = Buffer.alloc(REPLY_BYTES)
  #pending = ''

  /** A q35 machine, processor stopped, no firmware run, with a device of QEMU's command line and the image as drive `d`. */
  constructor(folder: string, image: string, device: string) {
    const pipe = path.join(folder, 'qtest')
    execFileSync('mkfifo', [`${pipe}.in`, `${pipe}.out`])
    // opened for reading and writing, so that no open waits for QEMU's
    this.#toQemu = fs.openSync(`${pipe}.in`, 'r+')
    const held = fs.openSync(`${pipe}.out`, 'r+')
    const machine = ['-accel', 'tcg', '-machine', 'q35', '-m', '128M', '-S', '-display', 'none']
    const quiet = ['-nodefaults', '-no-user-config', '-qtest', `pipe:${pipe}`, '-qtest-log', 'none']
    const disk = ['-drive', `if=none,id=d,format=raw,file=${image}`, '-device', device]
    this.#process = spawn(QEMU, [...machine, ...quiet, ...disk], { stdio: 'ignore' })
    this.#fromQemu = held
    this.#command('inb 0x80')
    // from now on QEMU holds the other end: when it dies, a read ends instead of waiting for ever
    this.#fromQemu = fs.openSync(`${pipe}.out`, 'r')
    fs.closeSync(held)
  }

  close(): void {
    this.#process.kill('SIGKILL')
    fs.closeSync(this.#toQemu)
    fs.closeSync(this.#fromQemu)
  }

  read32(address: number): number {
    return Number(this.#command(`readl 0x${address.toString(16)}`))
  }
  write32(address: number, value: number): void {
    this.#command(`writel 0x${address.toString(16)} 0x${value.toString(16)}`)
  }
  readRegister(address: number, size: number): number {
    return Number(this.#command(`read${WIDTH[size]} 0x${address.toString(16)}`))
  }
  writeRegister(address: number, size: number, value: number): void {
    this.#command(`write${WIDTH[size]} 0x${address.toString(16)} 0x${value.toString(16)}`)
  }
  readPort(port: number, size: number): number {
    return Number(this.#command(`in${WIDTH[size]} 0x${port.toString(16)}`))
  }
  writePort(port: number, size: number, value: number): void {
    this.#command(`out${WIDTH[size]} 0x${port.toString(16)} 0x${value.toString(16)}`)
  }
  config32(bdf: number, offset: number): number {
    this.#command(`outl 0xcf8 0x${(0x80000000 + bdf * 256 + offset).toString(16)}`)
    return Number(this.#command('inl 0xcfc'))
  }
  setConfig32(bdf: number, offset: number, value: number): void {
    this.#command(`outl 0xcf8 0x${(0x80000000 + bdf * 256 + offset).toString(16)}`)
    this.#command(`outl 0xcfc 0x${value.toString(16)}`)
  }
  readRam(address: number, into: Uint8Array): void {
    const text = this.#command(`b64read 0x${address.toString(16)} 0x${into.byteLength.toString(16)}`)
    into.set(Buffer.from(text, 'base64'))
  }
  writeRam(address: number, from: Uint8Array): void {
    const text = Buffer.from(from).toString('base64')
    this.#command(`b64write 0x${address.toString(16)} 0x${from.byteLength.toString(16)} ${text}`)
  }
  stall(microseconds: number): void {
    Atomics.wait(pause, 0, 0, Math.min(microseconds / 1000, 5))
  }

  #command(text: string): string {
    fs.writeSync(this.#toQemu, `${text}\n`)
    for (;;) {
      const end = this.#pending.indexOf('\n')
      if (end < 0) {
        const count = fs.readSync(this.#fromQemu, this.#reply)
        if (count === 0) throw new Error(`QEMU ended at: ${text}`)
        this.#pending += this.#reply.toString('latin1', 0, count)
        continue
      }
      const line = this.#pending.slice(0, end)
      this.#pending = this.#pending.slice(end + 1)
      if (line.startsWith('IRQ ')) continue
      if (!line.startsWith('OK')) throw new Error(`QEMU answered '${line}' to: ${text}`)
      return line.slice(3)
    }
  }
}
