// Objects of the I/O manager on x64, as wdm.h declares them: what a driver is given, and what it builds requests of.
import { defineStruct, struct, u8, u16, u32, u64, type ViewOf } from '@dumpstack/bytes'
import { UnicodeString } from '../kernel/list.ts'

export const DriverObject = defineStruct('_DRIVER_OBJECT', 0x150, {
  type: u16(0x00),
  size: u16(0x02),
  deviceObject: u64(0x08),
  driverStart: u64(0x18),
  driverSize: u32(0x20),
  driverExtension: u64(0x30),
  driverName: struct(0x38, UnicodeString),
  hardwareDatabase: u64(0x48),
  driverInit: u64(0x58),
})
export type DriverObject = ViewOf<typeof DriverObject>

export const DriverExtension = defineStruct('_DRIVER_EXTENSION', 0x28, {
  driverObject: u64(0x00),
  addDevice: u64(0x08),
  count: u32(0x10),
  serviceKeyName: struct(0x18, UnicodeString),
})

export const DeviceObject = defineStruct('_DEVICE_OBJECT', 0x150, {
  type: u16(0x00),
  size: u16(0x02),
  referenceCount: u32(0x04),
  driverObject: u64(0x08),
  nextDevice: u64(0x10),
  attachedDevice: u64(0x18),
  flags: u32(0x30),
  characteristics: u32(0x34),
  deviceExtension: u64(0x40),
  deviceType: u32(0x48),
  stackSize: u8(0x4c),
  alignmentRequirement: u32(0x98),
})

/** IO_TYPE_*: the first word of each. */
export const IO_TYPE_DEVICE = 3
export const IO_TYPE_DRIVER = 4
export const IO_TYPE_IRP = 6

export const FILE_DEVICE_CONTROLLER = 0x4
export const DO_POWER_PAGABLE = 0x2000

export const Irp = defineStruct('_IRP', 0xd0, {
  type: u16(0x00),
  size: u16(0x02),
  status: u32(0x30),
  information: u64(0x38),
  stackCount: u8(0x42),
  currentLocation: u8(0x43),
  userIosb: u64(0x48),
  userEvent: u64(0x50),
  userBuffer: u64(0x70),
  currentStackLocation: u64(0xb8),
})

export const IoStackLocation = defineStruct('_IO_STACK_LOCATION', 0x48, {
  majorFunction: u8(0x00),
  minorFunction: u8(0x01),
  control: u8(0x03),
  /** Parameters.DeviceIoControl: OutputBufferLength, InputBufferLength, IoControlCode. */
  outputBufferLength: u32(0x08),
  inputBufferLength: u32(0x10),
  ioControlCode: u32(0x18),
  deviceObject: u64(0x28),
  completionRoutine: u64(0x38),
  context: u64(0x40),
})

export const IoStatusBlock = defineStruct('_IO_STATUS_BLOCK', 0x10, {
  status: u32(0x00),
  information: u64(0x08),
})
