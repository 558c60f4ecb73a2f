// What the I/O manager makes for a driver of the running system: its driver object with name and service key before DriverEntry, and the
// device objects of its adapter, which are made on the first request for them. MajorFunction stays empty: no IRP reaches a miniport here.
import { type Gva, gva } from '@dumpstack/bytes'
import {
  DeviceObject,
  DO_POWER_PAGABLE,
  DriverExtension,
  DriverObject,
  FILE_DEVICE_CONTROLLER,
  IO_TYPE_DEVICE,
  IO_TYPE_DRIVER,
  UnicodeString,
} from '@dumpstack/nt'
import type { LoadedImage } from '../kernel-services.ts'
import type { DeviceObjects, GuestBlock } from '../miniport.ts'

const SERVICES = '\\Registry\\Machine\\System\\CurrentControlSet\\Services\\'
const HARDWARE_DATABASE = '\\REGISTRY\\MACHINE\\HARDWARE\\DESCRIPTION\\SYSTEM'

/** The service of a driver file, by which it is installed: `storahci`. */
export const serviceName = (fileName: string): string => fileName.replace(/\.[^.]*$/, '')
export const serviceKeyPath = (fileName: string): string => SERVICES + serviceName(fileName)

export class DriverObjects {
  readonly driverObject: Gva
  readonly registryPath: Gva
  readonly #allocate: (byteLength: number) => GuestBlock
  #devices: DeviceObjects | null = null

  constructor(allocate: (byteLength: number) => GuestBlock, image: LoadedImage) {
    this.#allocate = allocate
    this.driverObject = this.#driver(serviceName(image.nameOnDisk), image)
    const path = allocate(UnicodeString.size)
    this.#text(UnicodeString.at(path.view), serviceKeyPath(image.nameOnDisk))
    this.registryPath = path.va
  }

  get devices(): DeviceObjects {
    this.#devices ??= this.#makeDevices()
    return this.#devices
  }

  #driver(name: string, image: LoadedImage | null): Gva {
    const block = this.#allocate(DriverObject.size)
    const object = DriverObject.at(block.view)
    object.type = IO_TYPE_DRIVER
    object.size = DriverObject.size
    if (image !== null) {
      object.driverStart = image.base
      object.driverSize = image.size
    }
    this.#text(object.driverName, `\\Driver\\${name}`)
    const database = this.#allocate(UnicodeString.size)
    this.#text(UnicodeString.at(database.view), HARDWARE_DATABASE)
    object.hardwareDatabase = database.va
    const extensionBlock = this.#allocate(DriverExtension.size)
    const extension = DriverExtension.at(extensionBlock.view)
    extension.driverObject = block.va
    this.#text(extension.serviceKeyName, name)
    object.driverExtension = extensionBlock.va
    return block.va
  }

  #makeDevices(): DeviceObjects {
    const physical = this.#device(this.#driver('pci', null), 1)
    const functional = this.#device(this.driverObject, 2)
    DeviceObject.at(physical.view).attachedDevice = functional.va
    return { functional: functional.va, physical: physical.va }
  }

  #device(driver: Gva, stackSize: number): GuestBlock {
    const block = this.#allocate(DeviceObject.size)
    const object = DeviceObject.at(block.view)
    object.type = IO_TYPE_DEVICE
    object.size = DeviceObject.size
    object.driverObject = driver
    object.flags = DO_POWER_PAGABLE
    object.deviceType = FILE_DEVICE_CONTROLLER
    object.stackSize = stackSize
    return block
  }

  #text(into: UnicodeString, text: string): void {
    const block = this.#allocate((text.length + 1) * 2)
    for (let i = 0; i < text.length; i++) block.view.setUint16(i * 2, text.charCodeAt(i), true)
    into.length = text.length * 2
    into.maximumLength = (text.length + 1) * 2
    into.buffer = gva(block.va)
  }
}
