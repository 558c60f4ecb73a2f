// The class driver's part: what the disk is, reads and writes of it, and what else the system asks of it while it runs.
import { type Gpa, gpa, hex } from '@dumpstack/bytes'
import type { Machine } from '@dumpstack/machine'
import {
  MiniportDumpPointers,
  SRB_FUNCTION_DUMP_POINTERS,
  SRB_FUNCTION_EXECUTE_SCSI,
  SRB_FUNCTION_FLUSH,
  SRB_STATUS_SUCCESS,
} from '@dumpstack/nt'
import { DriversError } from '../errors.ts'
import type { BeyondEndAnswer, BootDevice, BufferPiece } from '../runtime-stack.ts'
import { identifyDisk } from './identify-disk.ts'
import { PATIENCE_NS, RequestQueue } from './request-queue.ts'
import type { Storport } from './storport.ts'
import { checkShape, splitPiece, splitPieces } from './transfer.ts'

export class BootDisk {
  readonly device: BootDevice
  /** Bytes of one transfer: whole sectors. */
  readonly transferLimit: number
  readonly #machine: Machine
  readonly #port: Storport
  readonly #queue: RequestQueue

  constructor(machine: Machine, port: Storport) {
    this.#machine = machine
    this.#port = port
    this.#queue = new RequestQueue(machine, port)
    port.queryControlTypes(this.#queue.buffer)
    this.device = identifyDisk({
      driverName: port.image.baseName,
      patienceSeconds: PATIENCE_NS / 1e9,
      config: port.config,
      get place() {
        return port.place
      },
      set place(place) {
        port.place = place
      },
      answer: this.#queue.buffer.view,
      send: (byteLength, compose) => this.#queue.small(SRB_FUNCTION_EXECUTE_SCSI, byteLength, compose),
    })
    const { sectorBytes } = this.device
    this.#queue.sectorBytes = sectorBytes
    this.transferLimit = port.transferLimit - (port.transferLimit % sectorBytes)
  }

  get timedOut(): string | null {
    return this.#queue.timedOut
  }

  get inFlight(): number {
    return this.#queue.inFlight
  }

  /** A buffer in one piece. */
  queue(isWrite: boolean, diskOffset: number, address: Gpa, byteLength: number): void {
    this.#admit(isWrite, diskOffset, byteLength)
    splitPiece(this.#queue.waiting, isWrite, diskOffset, address, byteLength, this.transferLimit)
    this.#queue.pump()
  }

  queueScattered(isWrite: boolean, diskOffset: number, buffer: readonly BufferPiece[]): void {
    checkShape(buffer)
    const byteLength = buffer.reduce((sum, piece) => sum + piece.byteLength, 0)
    this.#admit(isWrite, diskOffset, byteLength)
    splitPieces(this.#queue.waiting, isWrite, diskOffset, buffer, this.transferLimit)
    this.#queue.pump()
  }

  drain(): void {
    this.#queue.drain()
  }

  resetBus(): void {
    this.#checkRuns()
    this.#queue.resetBus()
  }

  restart(): void {
    this.#checkRuns()
    this.#queue.drain()
    // A miniport without a cache does not know it; one that has it and fails keeps what it has for after the restart.
    if (this.#queue.small(SRB_FUNCTION_FLUSH, 0, () => {}) === null) {
      const { baseName } = this.#port.image
      throw new DriversError(
        'IO_FAILED',
        `${baseName} did not complete SRB_FUNCTION_FLUSH in ${PATIENCE_NS / 1e9} s`,
      )
    }
    this.#port.restart(this.#queue.buffer)
  }

  /** Requests for the block after the last, and for the last together with it; what lies in the last block stays as it is. */
  probeBeyondEnd(): BeyondEndAnswer[] {
    const { sectorBytes, sectorCount } = this.device
    const memory = this.#port.allocate(2 * sectorBytes)
    this.queue(false, (sectorCount - 1) * sectorBytes, memory.gpa, sectorBytes)
    this.drain()
    const answers: BeyondEndAnswer[] = []
    for (const isWrite of [true, false]) {
      for (const block of [sectorCount, sectorCount - 1]) {
        const blockCount = sectorCount + 1 - block
        const before = this.#beyondCapacityCount()
        const { srbStatus, dataTransferLength } = this.#queue.once({
          isWrite,
          diskOffset: block * sectorBytes,
          gpa: gpa(memory.gpa + (blockCount === 1 ? sectorBytes : 0)),
          byteLength: blockCount * sectorBytes,
          pieces: null,
          attempts: 0,
          busyAttempts: 0,
        })
        const reachedDevice = this.#beyondCapacityCount() > before
        const isCut = dataTransferLength < blockCount * sectorBytes
        answers.push({ isWrite, block, blockCount, srbStatus, isCut, reachedDevice })
        if (srbStatus === null) return answers
      }
    }
    return answers
  }

  /** Requests past the end that this controller was given and refused. */
  #beyondCapacityCount(): number {
    const { controllerName } = this.#port
    const { refusals } = this.#machine.evidence
    return refusals.filter(({ limit, controller }) => limit === 'capacity' && controller === controllerName)
      .length
  }

  /** SRB_FUNCTION_DUMP_POINTERS: null when the miniport refuses. */
  miniportDumpPointers(): MiniportDumpPointers | null {
    const status = this.#queue.small(SRB_FUNCTION_DUMP_POINTERS, MiniportDumpPointers.size, () => {})
    return status === SRB_STATUS_SUCCESS ? MiniportDumpPointers.at(this.#queue.buffer.view) : null
  }

  #admit(isWrite: boolean, diskOffset: number, byteLength: number): void {
    this.#checkRuns()
    const { sectorBytes, sectorCount } = this.device
    const isWhole = byteLength % sectorBytes === 0 && diskOffset % sectorBytes === 0
    if (isWhole && byteLength > 0 && diskOffset + byteLength <= sectorBytes * sectorCount) return
    throw new DriversError(
      'OUT_OF_RANGE',
      `${isWrite ? 'write' : 'read'} of ${hex(byteLength)} bytes at disk offset ${hex(diskOffset)}: expected whole sectors of ${sectorBytes} bytes inside ${sectorCount} sectors`,
      { diskOffset, byteLength },
    )
  }

  #checkRuns(): void {
    if (this.#port.isFrozen)
      throw new DriversError('STACK_FROZEN', 'the storage stack stopped with the system')
  }
}
