// All exports that a driver file can import, by name: module names differ between systems, names do not.
import { CALLBACK_EXPORTS } from './callbacks.ts'
import { DISPATCHER_EXPORTS } from './dispatcher.ts'
import { EXCEPTION_EXPORTS } from './exceptions.ts'
import type { Export } from './export.ts'
import { EXTENDED_EXPORTS } from './extended.ts'
import { IO_REQUEST_EXPORTS } from './io-requests.ts'
import { KERNEL_EXPORTS } from './kernel.ts'
import { MEMORY_EXPORTS } from './memory.ts'
import { NOTIFICATION_EXPORTS } from './notification.ts'
import { OUTSTANDING_EXPORTS } from './outstanding.ts'
import { PORT_EXPORTS } from './port.ts'
import { REGISTER_EXPORTS } from './registers.ts'
import { REGISTRY_EXPORTS } from './registry.ts'
import { SCAN_EXPORTS } from './scan.ts'
import { SPIN_LOCK_EXPORTS } from './spin-locks.ts'
import { STRING_EXPORTS } from './strings.ts'
import { WMI_EXPORTS } from './wmi.ts'
import { WORK_ITEM_EXPORTS } from './work-items.ts'

export const EXPORTS: ReadonlyMap<string, Export> = new Map(
  [
    PORT_EXPORTS,
    OUTSTANDING_EXPORTS,
    NOTIFICATION_EXPORTS,
    EXTENDED_EXPORTS,
    MEMORY_EXPORTS,
    KERNEL_EXPORTS,
    SPIN_LOCK_EXPORTS,
    DISPATCHER_EXPORTS,
    WORK_ITEM_EXPORTS,
    CALLBACK_EXPORTS,
    EXCEPTION_EXPORTS,
    IO_REQUEST_EXPORTS,
    REGISTER_EXPORTS,
    REGISTRY_EXPORTS,
    STRING_EXPORTS,
    SCAN_EXPORTS,
    WMI_EXPORTS,
  ].flatMap((family) => Object.entries(family)),
)
