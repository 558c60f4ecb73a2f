// QEMU's processor (TCG) as the judge of instructions: a machine whose RAM is a file that we write and read, harness.s
// in it, and the gdbstub to start it and to learn that a batch is done.
import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { assembleFile } from './assemble.ts'
import { GdbClient, littleEndianHex } from './gdb.ts'
import { BOOT_TABLES, HIGH, RECORD_BYTES, type Store, testTables } from './layout.ts'

const RAM_BYTES = 64 * 2 ** 20
const BOOT_AT = 0x7000
const DONE = 0xffff900000007200n
const IN_RECORD_AT = 0x7208
const INPUT_AT = 16 * 2 ** 20
const OUTPUT_AT = 32 * 2 ** 20
/** What a batch may have. */
export const BATCH = Math.floor((16 * 2 ** 20) / RECORD_BYTES)
/** Numbers of the stub's registers (gdb's i386:x86-64 order). */
const RIP = 16
const CS = 18
const TIMEOUT_MS = 60_000

export class QemuCpu {
  readonly #process: ChildProcess
  readonly #ram: number
  readonly #gdb: GdbClient

  private constructor(child: ChildProcess, ram: number, gdb: GdbClient) {
    this.#process = child
    this.#ram = ram
    this.#gdb = gdb
  }

  static async start(folder: string): Promise<QemuCpu> {
    const file = path.join(folder, 'ram')
    const socket = path.join(folder, 'gdb')
    const ram = fs.openSync(file, 'w+')
    fs.ftruncateSync(ram, RAM_BYTES)
    const machine = `-accel tcg,thread=single -cpu max -machine pc,memory-backend=ram -m 64M -S
      -nodefaults -no-user-config -display none -gdb chardev:gdb`.split(/\s+/)
    const memory = ['-object', `memory-backend-file,id=ram,size=64M,mem-path=${file},share=on`]
    const stub = ['-chardev', `socket,id=gdb,path=${socket},server=on,wait=off`]
    const child = spawn('qemu-system-x86_64', [...machine, ...memory, ...stub], { stdio: 'ignore' })
    try {
      const gdb = await GdbClient.connect(socket, TIMEOUT_MS)
      const qemu = new QemuCpu(child, ram, gdb)
      qemu.write(BOOT_AT, assembleFile('harness.s'))
      for (const store of [...testTables(), ...BOOT_TABLES]) qemu.#store(store)
      // QEMU takes single registers from those who have asked which there are
      await gdb.request('qXfer:features:read:target.xml:0,ffb')
      // out of reset the processor is in real mode: a selector sets the base
      await gdb.command(`P${CS.toString(16)}=${littleEndianHex(0n, 4)}`)
      await gdb.command(`Z0,${DONE.toString(16)},1`)
      await qemu.#runFrom(BigInt(BOOT_AT))
      return qemu
    } catch (error) {
      child.kill('SIGKILL')
      throw error
    }
  }

  /** Runs as many records as fit a batch; answers the records of the states after. Code must be in RAM. */
  async run(records: Uint8Array): Promise<Uint8Array> {
    this.write(INPUT_AT, records)
    const pointers: Store[] = [
      [IN_RECORD_AT, HIGH + BigInt(INPUT_AT)],
      [IN_RECORD_AT + 8, HIGH + BigInt(OUTPUT_AT)],
      [IN_RECORD_AT + 16, BigInt(records.byteLength / RECORD_BYTES)],
    ]
    for (const store of pointers) this.#store(store)
    try {
      await this.#runFrom(DONE + 1n)
    } catch (error) {
      const left = new DataView(this.read(IN_RECORD_AT + 16, 8).buffer).getUint32(0, true)
      throw new Error(`record ${records.byteLength / RECORD_BYTES - left} of the batch does not end`, {
        cause: error,
      })
    }
    return this.read(OUTPUT_AT, records.byteLength)
  }

  /** Physical memory; QEMU does not notice, so code goes where none has been executed. */
  write(gpa: number, bytes: Uint8Array): void {
    fs.writeSync(this.#ram, bytes, 0, bytes.byteLength, gpa)
  }
  read(gpa: number, byteLength: number): Uint8Array {
    const bytes = new Uint8Array(byteLength)
    fs.readSync(this.#ram, bytes, 0, byteLength, gpa)
    return bytes
  }

  close(): void {
    this.#gdb.close()
    this.#process.kill('SIGKILL')
    fs.closeSync(this.#ram)
  }

  async #runFrom(rip: bigint): Promise<void> {
    await this.#gdb.command(`P${RIP.toString(16)}=${littleEndianHex(rip, 8)}`)
    const stop = await this.#gdb.request('c')
    if (!stop.startsWith('T05')) throw new Error(`the processor stopped with '${stop}'`)
  }

  #store([gpa, value]: Store): void {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setBigUint64(0, value, true)
    this.write(gpa, bytes)
  }
}
