// What a port asks of HwAdapterControl (storport.h): SCSI_ADAPTER_CONTROL_TYPE, and the list in which a miniport says what it takes.
import { defineStruct, u32 } from '@dumpstack/bytes'

export const ScsiAdapterControlType = {
  querySupportedControlTypes: 0,
  stopAdapter: 1,
  restartAdapter: 2,
  setRunningConfig: 4,
  adapterPower: 6,
} as const
export type ScsiAdapterControlType = (typeof ScsiAdapterControlType)[keyof typeof ScsiAdapterControlType]

/** ScsiAdapterControlMax of Windows 10 of 2020. Earlier versions have fewer. */
export const SCSI_ADAPTER_CONTROL_MAX = 26
export const SCSI_ADAPTER_CONTROL_SUCCESS = 0

export const StorAdapterControlPower = defineStruct('_STOR_ADAPTER_CONTROL_POWER', 0x8, {
  powerAction: u32(0x0),
  powerState: u32(0x4),
})
// STOR_DEVICE_POWER_STATE
export const STOR_POWER_D0 = 1
export const STOR_POWER_D3 = 4

/** A BOOLEAN for each control type follows. */
export const ScsiSupportedControlTypeList = defineStruct('_SCSI_SUPPORTED_CONTROL_TYPE_LIST', 0x4, {
  maxControlType: u32(0x0),
})
