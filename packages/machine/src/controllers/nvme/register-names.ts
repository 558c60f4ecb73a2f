// Names of the controller registers (NVM Express 1.4 section 3.1).

import { hex } from '@dumpstack/bytes'
import * as registers from '@dumpstack/registers'
import { NVME_ACQ_HIGH, NVME_ASQ, NVME_DOORBELLS } from '@dumpstack/registers'
import { nameAround, named } from '../register-names.ts'

const REGISTERS = named(registers, 'NVME_', [
  'CAP',
  'CAP_HIGH',
  'VS',
  'INTMS',
  'INTMC',
  'CC',
  'CSTS',
  'NSSR',
  'AQA',
  'ASQ',
  'ASQ_HIGH',
  'ACQ',
  'ACQ_HIGH',
  'CMBLOC',
  'CMBSZ',
  'BPINFO',
])
/** After the last doorbell of 64 queue pairs at the widest stride. */
const DOORBELLS_END = 0x4000

/** Which queue a doorbell is of depends on CAP.DSTRD, but for the first one. */
export function nvmeRegisterName(offset: number): string | null {
  if (offset < NVME_DOORBELLS) return nameAround(REGISTERS, offset)
  if (offset >= DOORBELLS_END) return null
  return offset < NVME_DOORBELLS + 4 ? 'SQ0TDBL' : `doorbell ${hex(offset)}`
}

/** Both halves of ASQ and ACQ. */
export function nvmeAddressRegister(offset: number): string | null {
  const register = offset - (offset % 4)
  return register < NVME_ASQ || register > NVME_ACQ_HIGH ? null : REGISTERS.get(register)!
}
