// A disk miniport under its running port, one SRB at a time; CDBs are bytes as the standards print them.
import { ScsiRequestBlock } from '@dumpstack/nt'
import { testMachine } from '../../fake-kernel.test-support.ts'
import type { GuestBlock, MiniportImage } from '../../miniport.ts'
import { Storport } from '../../runtime/storport.ts'
import { GuestScatterGatherList, scatterGatherBytes } from '../../scatter-gather.ts'

export const DISK_BYTES = 3 * 2 ** 40
export const WRITE_ONE_BLOCK = [0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0]
const SENSE_BYTES = 18

export interface SendOptions {
  readonly length?: number
  readonly srbFunction?: number
  readonly lun?: number
  readonly target?: number
  readonly at?: GuestBlock
}

export function startedMiniport(
  miniport: MiniportImage,
  options: Omit<NonNullable<Parameters<typeof testMachine>[0]>, 'diskBytes'> = {},
) {
  const test = testMachine({ diskBytes: DISK_BYTES, ...options })
  const { machine, kernel, controller } = test
  const port = new Storport({ machine, kernel, controller, miniport })
  const block = port.allocate(ScsiRequestBlock.size)
  const buffer = port.allocate(0x2000)
  const sense = port.allocate(SENSE_BYTES)
  const list = new GuestScatterGatherList(port.allocate(scatterGatherBytes(4)))
  const resources = {
    extension: port.allocate(port.config.srbExtensionSize),
    list,
    window: port.reserveWindow(1),
  }
  let completions = 0
  port.resourcesOf = () => resources
  port.onComplete = () => completions++
  const srb = ScsiRequestBlock.at(block.view)
  const send = (cdb: readonly number[], request: SendOptions = {}) => {
    const at = request.at ?? buffer
    const length = request.length ?? 0
    new Uint8Array(block.view.buffer, block.view.byteOffset, ScsiRequestBlock.size).fill(0)
    srb.function = request.srbFunction ?? 0
    srb.lun = request.lun ?? 0
    srb.targetId = request.target ?? 0
    srb.cdbLength = cdb.length
    srb.cdb = Uint8Array.from(cdb)
    srb.dataBuffer = at.va
    srb.dataTransferLength = length
    srb.senseInfoBuffer = sense.va
    srb.senseInfoBufferLength = SENSE_BYTES
    list.clear()
    list.append(at.gpa, Math.max(length, 2))
    completions = 0
    port.start(block)
    for (let ms = 0; ms < 20_000 && srb.srbStatus === 0; ms++) machine.run(machine.nowNs + 1e6)
    return {
      status: srb.srbStatus,
      completions,
      length: srb.dataTransferLength,
      data: new Uint8Array(at.view.buffer, at.view.byteOffset, srb.dataTransferLength).slice(),
      sense: [sense.view.getUint8(0), sense.view.getUint8(2), sense.view.getUint8(12)],
    }
  }
  /** A write that the controller never ends: its SRB status once it is completed, null until then. */
  const sendIntoHang = (): { status: number | null } => {
    machine.faults.add({ kind: 'hang', controller: controller.name, afterWrites: 0, count: 1 })
    const pending: { status: number | null } = { status: null }
    port.onComplete = (completed) => {
      pending.status = ScsiRequestBlock.at(completed.view).srbStatus
    }
    const hanging = port.allocate(ScsiRequestBlock.size)
    const write = ScsiRequestBlock.at(hanging.view)
    write.cdb = Uint8Array.from(WRITE_ONE_BLOCK)
    write.dataTransferLength = 512
    list.clear()
    list.append(buffer.gpa, 512)
    port.start(hanging)
    machine.run(machine.nowNs + 1e9)
    return pending
  }
  return { ...test, port, send, sendIntoHang, buffer }
}

export const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes)
