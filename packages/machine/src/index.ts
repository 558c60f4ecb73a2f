export type { Bus } from './bus.ts'
export { ahci } from './controllers/ahci/index.ts'
export {
  type Attachment,
  type ControllerModel,
  expectedOf,
  isAllowed,
  type SettingRule,
  type SettingRules,
  type Settings,
} from './controllers/controller-model.ts'
export type { ControllerParts } from './controllers/controller-parts.ts'
export { CONTROLLERS, controllerNamed } from './controllers/index.ts'
export { nvme } from './controllers/nvme/index.ts'
export { SegmentList } from './controllers/segment-list.ts'
export { virtioBlk } from './controllers/virtio-blk/index.ts'
export { createMachine } from './create-machine.ts'
export { type BlockDevice, BlockOp, type BlockRequest, BlockStatus } from './disk/block-device.ts'
export { createDisk, type Disk, type DiskImage } from './disk/disk.ts'
export { MemoryDiskImage } from './disk/memory-image.ts'
export type { DmaLog, DmaRecord } from './dma-log.ts'
export * from './errors.ts'
export { FAULT_KINDS, type Fault } from './faults.ts'
export * from './machine.ts'
export {
  type Bdf,
  type ControllerState,
  type DwordRegisters,
  PciConfig,
  type PciFunction,
  readDwords,
  writeDwords,
} from './pci.ts'
export { type DmaRam, Owner, type Ram } from './ram.ts'
