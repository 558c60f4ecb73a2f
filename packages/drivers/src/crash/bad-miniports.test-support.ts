// Makes deliberately bad dump miniports out of storahci, each by one change.

import type { DumpPlan } from '@dumpstack/dumpfile'
import { PortConfigurationInformation, ScsiRequestBlock } from '@dumpstack/nt'
import { type Alteration, alteredMiniport, portWith } from '../altered-miniport.ts'
import type { DumpWriteReport } from '../dump-stack.ts'
import type { DeviceRegisters, GuestBlock, HwInitializationData, MiniportImage } from '../miniport.ts'
import { storahci } from '../miniports/storahci/index.ts'
import { BODY, type Crashed, type CrashOptions, crash, testPlan, writeDump } from './crash.test-support.ts'

/** No public header gives this SRB function a meaning. */
export const UNASSIGNED = 0x7f
export const EXECUTE_SCSI = 0x00
export const INQUIRY = 0x12
export const SYNCHRONIZE_CACHE = 0x35
export const SERVICE_ACTION_IN16 = 0x9e
export const PLAN = testPlan(BODY)

export type Change = (data: HwInitializationData, alteration: Alteration) => Partial<HwInitializationData>

export const bad = (change: Change): MiniportImage =>
  alteredMiniport(storahci, (data, alteration) => ({ ...data, ...change(data, alteration) }))

export function dumpWith(
  miniport: MiniportImage,
  options: CrashOptions & { readonly plan?: DumpPlan } = {},
): { crashed: Crashed; report: DumpWriteReport } {
  const crashed = crash({ ...options, miniport })
  return { crashed, report: writeDump(crashed.stack, options.plan ?? PLAN) }
}

/** Does something in HwFindAdapter before the real one. */
export const inFindAdapter =
  (action: (alteration: Alteration, extension: GuestBlock, config: GuestBlock) => void): Change =>
  (data, alteration) => ({
    hwFindAdapter: (extension, context, bus, argument, config) => {
      action(alteration, extension, config)
      return data.hwFindAdapter(extension, context, bus, argument, config)
    },
  })

/** Does something in HwInitialize before the real one. */
export const inInitialize =
  (action: (alteration: Alteration, extension: GuestBlock) => void): Change =>
  (data, alteration) => ({
    hwInitialize: (extension) => {
      action(alteration, extension)
      return data.hwInitialize(extension)
    },
  })

/** Answers SRBs of one function (and operation code) itself, `times` over. */
export const answering =
  (srbFunction: number, operationCode: number, status: number, times = 1): Change =>
  (data, { port }) => ({
    hwBuildIo: (extension, block) => {
      const srb = ScsiRequestBlock.at(block.view)
      const isMeant =
        srb.function === srbFunction && (srbFunction !== EXECUTE_SCSI || srb.cdb[0] === operationCode)
      if (!isMeant) return data.hwBuildIo!(extension, block)
      srb.srbStatus = status
      for (let i = 0; i < times; i++) port.notificationRequestComplete(extension, block)
      return false
    },
  })

/** Changes the configuration that the real HwFindAdapter left. */
export const changingConfig =
  (change: (config: PortConfigurationInformation) => void): Change =>
  (data) => ({
    hwFindAdapter: (extension, context, bus, argument, config) => {
      const found = data.hwFindAdapter(extension, context, bus, argument, config)
      change(PortConfigurationInformation.at(config.view))
      return found
    },
  })

/** What the driver's registers do instead; `uncached` is its uncached extension. */
export type RegisterWrite = (
  registers: DeviceRegisters,
  offset: number,
  value: number,
  uncached: GuestBlock,
) => void

/** `miniport` with another way to reach the registers of its controller; what is not named goes there as it is. */
export const withRegisters = (
  miniport: MiniportImage,
  changed: {
    readonly read8?: (value: number, offset: number) => number
    readonly write8?: RegisterWrite
    readonly write16?: RegisterWrite
    readonly write32?: RegisterWrite
  },
): MiniportImage => ({
  ...miniport,
  load: (loaded) => (port, driverObject, registryPath) => {
    let uncached: GuestBlock | null = null
    const between = portWith(port, {
      getUncachedExtension: (extension, config, byteLength) => {
        uncached = port.getUncachedExtension(extension, config, byteLength)
        return uncached
      },
      getDeviceBase: (extension, range) => {
        const registers = port.getDeviceBase(extension, range)
        if (registers === null) return null
        const write = (width: 'write8' | 'write16' | 'write32') => (offset: number, value: number) =>
          changed[width] === undefined
            ? registers[width](offset, value)
            : changed[width](registers, offset, value, uncached!)
        return {
          va: registers.va,
          read8: (offset) => {
            const value = registers.read8(offset)
            return changed.read8 === undefined ? value : changed.read8(value, offset)
          },
          read16: (offset) => registers.read16(offset),
          read32: (offset) => registers.read32(offset),
          write8: write('write8'),
          write16: write('write16'),
          write32: write('write32'),
        }
      },
    })
    return miniport.load(loaded)(between, driverObject, registryPath)
  },
})
