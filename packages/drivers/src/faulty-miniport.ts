// A miniport that itself faults while the dump is written: the cause of a second bugcheck. It touches an address that no page
// table maps, in HwStartIo of the dump instance; the running instance stays healthy.
import { gva } from '@dumpstack/bytes'
import { SRB_FUNCTION_EXECUTE_SCSI } from '@dumpstack/nt'
import { SCSIOP_WRITE, SCSIOP_WRITE16 } from '@dumpstack/registers'
import { alteredMiniport } from './altered-miniport.ts'
import type { MiniportImage, PortExports } from './miniport.ts'
import { type SrbLayout, srbLayoutFor } from './srb-layout.ts'

// User space of no process: canonical, never mapped.
const UNMAPPED = gva(0x0000_7fff_dead_0000n)
/** RequiredDumpSpace of DUMP_HEADER64, which the first write carries. */
const REQUIRED_DUMP_SPACE = 0xfa0

/** `beforeHeader`: at the first write; `midBody`: once half of the dump that the header announces is written. */
export function faultyMiniport(image: MiniportImage, when: 'beforeHeader' | 'midBody'): MiniportImage {
  return alteredMiniport(image, (data, { port, isDump }) => {
    if (!isDump) return data
    const layout = srbLayoutFor(data.srbTypeFlags)
    let written = 0
    let faultAt = 0
    return {
      ...data,
      hwStartIo: (deviceExtension, srbBlock) => {
        const { view } = srbBlock
        if (isWrite(view, layout)) {
          if (written === 0 && when === 'midBody') faultAt = announcedBytes(port, view, layout) / 2
          if (written >= faultAt) port.dereference(UNMAPPED, 4)
          written += view.getUint32(layout.dataTransferLength, true)
        }
        return data.hwStartIo(deviceExtension, srbBlock)
      },
    }
  })
}

function isWrite(view: DataView, layout: SrbLayout): boolean {
  const operationCode = view.getUint8(layout.cdb)
  return (
    layout.functionOf(view) === SRB_FUNCTION_EXECUTE_SCSI &&
    (operationCode === SCSIOP_WRITE || operationCode === SCSIOP_WRITE16)
  )
}

/** Header bytes are in scratch pages, so their buffer is mapped. */
function announcedBytes(port: PortExports, srb: DataView, layout: SrbLayout): number {
  const header = gva(srb.getBigUint64(layout.dataBuffer, true))
  const field = port.dereference(gva(header + BigInt(REQUIRED_DUMP_SPACE)), 8)
  return Number(field.view.getBigUint64(0, true))
}
