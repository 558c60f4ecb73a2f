// The controllers that a machine can have, one line each.
import { MachineError } from '../errors.ts'
import { ahci } from './ahci/index.ts'
import type { ControllerModel } from './controller-model.ts'
import { nvme } from './nvme/index.ts'
import { virtioBlk } from './virtio-blk/index.ts'

export const CONTROLLERS: readonly ControllerModel[] = [ahci, nvme, virtioBlk]

/** Throws MachineError CONTROLLER_UNKNOWN. */
export function controllerNamed(kind: string): ControllerModel {
  const model = CONTROLLERS.find((one) => one.kind === kind)
  if (model !== undefined) return model
  const known = CONTROLLERS.map((one) => one.kind).join(', ')
  throw new MachineError('CONTROLLER_UNKNOWN', `controller '${kind}' is not known, expected one of ${known}`)
}
