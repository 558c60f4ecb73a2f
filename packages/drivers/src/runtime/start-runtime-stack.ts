// Starts the storage stack of a running system on one controller: port, miniport, boot disk.
import type { RuntimeStack, RuntimeStackOptions } from '../runtime-stack.ts'
import { BootDisk } from './boot-disk.ts'
import { makeDumpPointers } from './dump-pointers.ts'
import { Storport } from './storport.ts'

/** Throws DriversError NO_CONTROLLER, ADAPTER_NOT_FOUND, ADAPTER_ERROR, CONTROLLER_FAILED or IO_FAILED when the disk does not come up. */
export function startRuntimeStack(options: RuntimeStackOptions): RuntimeStack {
  const { machine, kernel, controller } = options
  const port = new Storport(options)
  const disk = new BootDisk(machine, port)
  const pointers = makeDumpPointers(machine, kernel, port, disk)
  return {
    controller,
    bootDevice: disk.device,
    place: port.place,
    uncachedBytes: port.uncachedBytes,
    memoryAt: (address) => port.memoryAt(address),
    get inFlight() {
      return disk.inFlight
    },
    get timedOut() {
      return disk.timedOut
    },
    write: (diskOffset, gpa, byteLength) => disk.queue(true, diskOffset, gpa, byteLength),
    read: (diskOffset, gpa, byteLength) => disk.queue(false, diskOffset, gpa, byteLength),
    transferLimit: disk.transferLimit,
    writeScattered: (diskOffset, buffer) => disk.queueScattered(true, diskOffset, buffer),
    readScattered: (diskOffset, buffer) => disk.queueScattered(false, diskOffset, buffer),
    resetBus: () => disk.resetBus(),
    restart: () => disk.restart(),
    probeBeyondEnd: () => disk.probeBeyondEnd(),
    drain: () => disk.drain(),
    dumpPointers: () => pointers,
    freeze: () => port.freeze(),
  }
}
