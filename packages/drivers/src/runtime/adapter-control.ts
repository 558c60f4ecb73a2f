// HwAdapterControl as the running port calls it: once for the list of control types that the miniport takes, then for those alone
// (HwStorAdapterControl, SCSI_SUPPORTED_CONTROL_TYPE_LIST).
import {
  SCSI_ADAPTER_CONTROL_MAX,
  SCSI_ADAPTER_CONTROL_SUCCESS,
  ScsiAdapterControlType,
  ScsiSupportedControlTypeList,
} from '@dumpstack/nt'
import { DriversError } from '../errors.ts'
import { fillBlock } from '../guest-block.ts'
import type { GuestBlock, HwInitializationData } from '../miniport.ts'

/** For what is said of them. */
export type AdapterNames = {
  readonly driver: string
  readonly controller: string
}

const LIST_AT = ScsiSupportedControlTypeList.size
/** What lies after the list while the miniport fills it. */
const GUARD = 0xa5

export class AdapterControl {
  readonly #data: HwInitializationData
  readonly #deviceExtension: GuestBlock
  readonly #names: AdapterNames
  readonly #isSupported = new Set<number>()

  constructor(data: HwInitializationData, deviceExtension: GuestBlock, names: AdapterNames) {
    this.#data = data
    this.#deviceExtension = deviceExtension
    this.#names = names
  }

  /** ScsiQuerySupportedControlTypes; `block` is filled for the answer. Throws DriversError CONTROL_LIST. */
  query(block: GuestBlock): void {
    const { hwAdapterControl } = this.#data
    if (hwAdapterControl === undefined) return
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
      if (block.view.getUint8(at) !== GUARD) this.#wrotePast(at - LIST_AT)
    }
    for (let type = 0; type < SCSI_ADAPTER_CONTROL_MAX && status === SCSI_ADAPTER_CONTROL_SUCCESS; type++) {
      if (block.view.getUint8(LIST_AT + type) !== 0) this.#isSupported.add(type)
    }
  }

  #wrotePast(index: number): never {
    const what = `wrote SupportedTypeList[${index}] for ScsiQuerySupportedControlTypes, expected none from MaxControlType on, which is ${SCSI_ADAPTER_CONTROL_MAX}`
    this.#failed('CONTROL_LIST', what)
  }

  #failed(code: string, what: string): never {
    const fields = { ...this.#names, routine: 'HwAdapterControl' }
    throw new DriversError(code, `HwAdapterControl of ${this.#names.driver} ${what}`, fields)
  }

  has(type: ScsiAdapterControlType): boolean {
    return this.#isSupported.has(type)
  }

  /** Where the miniport takes the control type. Throws DriversError CONTROLLER_FAILED for another answer than ScsiAdapterControlSuccess. */
  run(name: string, type: ScsiAdapterControlType, parameters: GuestBlock | null = null): void {
    if (!this.has(type)) return
    const status = this.#data.hwAdapterControl!(this.#deviceExtension, type, parameters)
    if (status !== SCSI_ADAPTER_CONTROL_SUCCESS)
      this.#failed('CONTROLLER_FAILED', `failed ${name}, expected ScsiAdapterControlSuccess`)
  }
}
