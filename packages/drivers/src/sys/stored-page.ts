// Whether an instruction, or a call of an import, stores into a page of RAM: devices write there too while code runs, so that it takes proof.
import { gva, PAGE_SIZE, type Pfn } from '@dumpstack/bytes'
import { type Cpu, type DecodedInstruction, Gpr } from '@dumpstack/cpu'

type Memory = Pick<Cpu, 'translate' | 'readGpr'>
const PAGE = BigInt(PAGE_SIZE)
/** A copy that is longer is not looked at to its end. */
const MAX_COPY = 64n * PAGE

/** Whether any of the bytes at a virtual address lies in the page. */
export function liesIn(memory: Memory, address: bigint, byteLength: bigint, page: Pfn): boolean {
  const end = address + (byteLength < MAX_COPY ? byteLength : MAX_COPY)
  for (let at = address; at < end; at = (at / PAGE + 1n) * PAGE) {
    const found = memory.translate(gva(at))
    if (found !== null && Math.floor(found / PAGE_SIZE) === page) return true
  }
  return false
}

/** `one` is about to be executed. */
export function storesInto(memory: Memory, { operands }: DecodedInstruction, page: Pfn): boolean {
  const [target] = operands
  if (target?.kind === 'string') return liesIn(memory, memory.readGpr(Gpr.rdi), BigInt(target.size), page)
  if (target?.kind !== 'memory' || target.segment !== null) return false
  const general = (index: number | null): bigint => (index === null ? 0n : memory.readGpr(index as Gpr)) // 0 to 15
  const displacement = (BigInt(target.hi) << 32n) | BigInt(target.lo >>> 0)
  const address = general(target.base) + general(target.index) * BigInt(target.scale) + displacement
  return liesIn(memory, BigInt.asUintN(64, address), BigInt(target.size), page)
}
