// HwAdapterControl as the running port calls it: once for the list of control types that the miniport takes, then for those alone
// (HwStorAdapterControl, SCSI_SUPPORTED_CONTROL_TYPE_LIST).
import {
  SCSI_ADAPTER_CONTROL_MAX,
  SCSI_ADAPTER_CONTROL_SUCCESS,
  ScsiAdapterControlType,
  ScsiSupportedControlTypeList,
} from '@dumpstack/nt'
import { fillBlock } from '../guest-block.ts'
import type { GuestBlock, HwInitializationData } from '../miniport.ts'

const LIST_AT = ScsiSupportedControlTypeList.size
/** What lies after the list while the miniport fills it. */
const GUARD = 0xa5

export class AdapterControl {
  readonly #data: HwInitializationData
  readonly #deviceExtension: GuestBlock
  readonly #isSupported = new Set<number>()

  constructor(data: HwInitializationData, deviceExtension: GuestBlock) {
    this.#data = data
    this.#deviceExtension = deviceExtension
  }

  /** ScsiQuerySupportedControlTypes. The index of an entry past the list that the miniport wrote; -1 where it wrote none. */
  query(block: GuestBlock): number {
    const { hwAdapterControl } = this.#data
    if (hwAdapterControl === undefined) return -1
    const end = LIST_AT + SCSI_ADAPTER_CONTROL_MAX
    fillBlock(block, 0)
    for (let at = end; at < block.view.byteLength; at++) block.view.setUint8(at, GUARD)
    ScsiSupportedControlTypeList.at(block.view).maxControlType = SCSI_ADAPTER_CONTROL_MAX
    const status = hwAdapterControl(
      this.#deviceExtension,
      ScsiAdapterControlType.querySupportedControlTypes,
      block,
    )
    for (let at = end; at < block.view.byteLength; at++) {
      if (block.view.getUint8(at) !== GUARD) return at - LIST_AT
    }
    for (let type = 0; type < SCSI_ADAPTER_CONTROL_MAX && status === SCSI_ADAPTER_CONTROL_SUCCESS; type++) {
      if (block.view.getUint8(LIST_AT + type) !== 0) this.#isSupported.add(type)
    }
    return -1
  }

  has(type: ScsiAdapterControlType): boolean {
    return this.#isSupported.has(type)
  }

  /** False where the miniport takes the control type and answers anything but ScsiAdapterControlSuccess. */
  run(type: ScsiAdapterControlType, parameters: GuestBlock | null = null): boolean {
    if (!this.has(type)) return true
    const status = this.#data.hwAdapterControl!(this.#deviceExtension, type, parameters)
    return status === SCSI_ADAPTER_CONTROL_SUCCESS
  }
}
