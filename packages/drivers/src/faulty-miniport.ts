// A miniport that itself faults while the dump is written: the cause of a second bugcheck. It touches an address that no page
// table maps, in HwStartIo of the dump instance; the running instance stays healthy.
import { gva } from '@dumpstack/bytes'
import { ScsiRequestBlock, SRB_FUNCTION_EXECUTE_SCSI } from '@dumpstack/nt'
import { SCSIOP_WRITE, SCSIOP_WRITE16 } from '@dumpstack/spec'
import { alteredMiniport } from './altered-miniport.ts'
import type { GuestBlock, MiniportImage, PortExports } from './miniport.ts'

// User space of no process: canonical, never mapped.
const UNMAPPED = gva(0x0000_7fff_dead_0000n)
/** RequiredDumpSpace of DUMP_HEADER64, which the first write carries. */
const REQUIRED_DUMP_SPACE = 0xfa0

/** `beforeHeader`: at the first write; `midBody`: once half of the dump that the header announces is written. */
export function faultyMiniport(image: MiniportImage, when: 'beforeHeader' | 'midBody'): MiniportImage {
  return alteredMiniport(image, (data, { port, isDump }) => {
    if (!isDump) return data
    let written = 0
    let faultAt = 0
    return {
      ...data,
      hwStartIo: (deviceExtension, srbBlock) => {
        const srb = ScsiRequestBlock.at(srbBlock.view)
        if (isWrite(srb)) {
          if (written === 0 && when === 'midBody') faultAt = announcedBytes(port, srbBlock) / 2
          if (written >= faultAt) port.dereference(UNMAPPED, 4)
          written += srb.dataTransferLength
        }
        return data.hwStartIo(deviceExtension, srbBlock)
      },
    }
  })
}

function isWrite(srb: ScsiRequestBlock): boolean {
  const operationCode = srb.cdb[0]
  return (
    srb.function === SRB_FUNCTION_EXECUTE_SCSI &&
    (operationCode === SCSIOP_WRITE || operationCode === SCSIOP_WRITE16)
  )
}

/** Header bytes are in scratch pages, so their buffer is mapped. */
function announcedBytes(port: PortExports, srbBlock: GuestBlock): number {
  const header = gva(ScsiRequestBlock.at(srbBlock.view).dataBuffer)
  const field = port.dereference(gva(header + BigInt(REQUIRED_DUMP_SPACE)), 8)
  return Number(field.view.getBigUint64(0, true))
}
