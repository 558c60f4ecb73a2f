// A computer of QEMU's with our controller on its bus, run until what it writes to its console says that it is done.
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import type { Settings } from '@dumpstack/machine'
import { FileDiskImage } from '@dumpstack/machine/node'
import type { StrangersRow } from './controllers.ts'
import { PciProxy, SLOT } from './pci-proxy.ts'
import { SharedRam } from './shared-ram.ts'

const QEMU = 'qemu-system-x86_64'
const SHARED_MEMORY = '/dev/shm'

export interface PcOptions {
  readonly row: StrangersRow
  readonly settings?: Partial<Settings>
  /** Of the disk behind the controller. */
  readonly image: string
  readonly ramBytes: number
  /** Firmware or kernel, and which device the character device `console` is. */
  readonly qemu: readonly string[]
  /** The console says this: it is done. Null: it switches itself off. */
  readonly until: RegExp | null
  readonly timeoutMs: number
  /** Before anything runs. */
  readonly prepare?: (proxy: PciProxy) => void
}

export interface PcRun {
  readonly console: string
  readonly proxy: PciProxy
}

/** Throws where QEMU ends or time runs out first, with the end of the console. */
export async function runPc(options: PcOptions): Promise<PcRun> {
  const folder = fs.mkdtempSync(path.join(roomFor(options.ramBytes), 'dumpstack-pc-'))
  const image = FileDiskImage.open(options.image)
  const ramFile = path.join(folder, 'ram')
  const ram = new SharedRam(ramFile, options.ramBytes)
  let end: (why: string) => void = () => {}
  /** Why it ended; empty once it is done. */
  const ended = new Promise<string>((resolve) => {
    end = resolve
  })
  const qemu = start(options, ramFile)
  const exited = new Promise<void>((resolve) => {
    qemu.once('error', (error) => end(`QEMU did not start: ${error.message}`))
    qemu.once('close', (code, signal) => {
      end(code === 0 && options.until === null ? '' : `QEMU ended with ${signal ?? code}`)
      resolve()
    })
  })
  const timer = setTimeout(() => end(`no end after ${options.timeoutMs} ms`), options.timeoutMs)
  let console = ''
  qemu.stdout!.on('data', (bytes: Buffer) => {
    console += bytes.toString('latin1')
    if (options.until?.test(console)) end('')
  })
  qemu.stderr!.on('data', (bytes: Buffer) => {
    console += bytes.toString()
  })
  let made: PciProxy | null = null
  try {
    const sockets = [qemu.stdio[3] as Duplex, qemu.stdio[4] as Duplex] as const // pipes of spawn are sockets
    const { row, settings = {} } = options
    const proxy = new PciProxy(row.model, settings, image, ram, ...sockets, (error) =>
      end(`the controller failed: ${error.stack}`),
    )
    made = proxy
    options.prepare?.(proxy)
    const why = await ended
    if (why !== '') {
      const { stops, refusals, notModelled } = proxy.machine.evidence
      const story = JSON.stringify({ seen: proxy.seen, stops, refusals, notModelled }, null, 1)
      throw new Error(`${why}; the controller saw ${story}; the console ends with:\n${console.slice(-2000)}`)
    }
    return { console, proxy }
  } finally {
    clearTimeout(timer)
    made?.close()
    qemu.kill('SIGKILL')
    await exited
    ram.close()
    image.close()
    fs.rmSync(folder, { recursive: true })
  }
}

function start({ ramBytes, qemu }: PcOptions, ramFile: string): ChildProcess {
  const machine = ['-accel', 'tcg', '-machine', 'q35,memory-backend=ram', '-m', `${ramBytes}B`]
  const ram = ['-object', `memory-backend-file,id=ram,size=${ramBytes},mem-path=${ramFile},share=on`]
  const quiet = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot']
  const slot = ['-device', `x-pci-proxy-dev,fd=3,addr=${SLOT}`]
  const qtest = ['-chardev', 'socket,id=qtest,fd=4', '-qtest', 'chardev:qtest', '-qtest-log', 'none']
  const console = ['-chardev', 'stdio,id=console,signal=off']
  const args = [...machine, ...ram, ...quiet, ...slot, ...qtest, ...console, ...qemu]
  // so that it ends with us, however we end
  return spawn('setpriv', ['--pdeathsig', 'KILL', QEMU, ...args], {
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
}

/** Memory where there is enough of it for all that uses it, for RAM that is never written back. */
function roomFor(byteLength: number): string {
  if (!fs.existsSync(SHARED_MEMORY)) return os.tmpdir()
  const { bavail, bsize } = fs.statfsSync(SHARED_MEMORY)
  return bavail * bsize > 2 * byteLength ? SHARED_MEMORY : os.tmpdir()
}
