// How fast the code of a compiled miniport runs on its hot path. In the middle of a full dump through dsahci.sys and dsvioblk.sys the
// calls of one SRB of 64 KiB (HwBuildIo, HwStartIo, HwInterrupt until it is done) are kept with what imports and devices answered and
// what they changed in RAM; then they run again and again, with those answers: the driver's own code, entering it, and leaving it for
// imports and registers, without what ports and devices do meanwhile. Medians of processor time. The issue asks for 60 MIPS, and for less than 1 us for an import trap, which
// cpu.mjs measures by itself. Needs a build (npm run build).
import { fileURLToPath } from 'node:url'
import { Gpr } from '@dumpstack/cpu'
import { crashedMachine, nullImage } from './support/crashed-machine.mjs'

const MIB = 64
const ROUNDS = 9
const REPEATS = 4000
/** Calls of routines before the SRB that is taken: code is decoded, the driver has settled. */
const SETTLED = 1000
const DRIVERS = [
  ['ahci', 'dsahci.sys'],
  ['virtio-blk', 'dsvioblk.sys'],
]
const BUS_ACCESSES = ['read8', 'read16', 'read32', 'write8', 'write16', 'write32', 'in8', 'in16', 'in32']
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

/** What changes in RAM between two looks at it, in pieces of a cache line. */
class RamWatch {
  static #LINE = 64
  static #PAGE = 4096
  #ram
  #runs
  constructor(ram) {
    this.#ram = ram
    this.#runs = ram.runs.map(({ basePage, pageCount }) => ({
      at: basePage * RamWatch.#PAGE,
      known: Buffer.alloc(pageCount * RamWatch.#PAGE),
    }))
    for (const { at, known } of this.#runs) ram.read(at, known)
  }

  copy() {
    return this.#runs.map(({ known }) => Buffer.from(known))
  }

  /** RAM against the last look, or against `than`: the lines as they are in RAM, or in `than`. */
  changes(than) {
    const lines = []
    this.#runs.forEach(({ at, known }, run) => {
      const now = Buffer.alloc(known.byteLength)
      this.#ram.read(at, now)
      const [from, to] = than === undefined ? [known, now] : [now, than[run]]
      for (let page = 0; page < now.byteLength; page += RamWatch.#PAGE) {
        if (from.compare(to, page, page + RamWatch.#PAGE, page, page + RamWatch.#PAGE) === 0) continue
        for (let line = page; line < page + RamWatch.#PAGE; line += RamWatch.#LINE) {
          const bytes = to.subarray(line, line + RamWatch.#LINE)
          if (bytes.compare(from, line, line + RamWatch.#LINE) !== 0)
            lines.push({ gpa: at + line, bytes: Uint8Array.from(bytes) })
        }
      }
      now.copy(known)
    })
    return lines
  }
}

/** Keeps what the driver's routines were called with and what they were answered, or answers the same again. */
class Tape {
  calls = []
  answers = []
  mode = 'off'
  at = 0

  answered(answer) {
    if (this.mode === 'play') return this.answers[this.at++]
    const value = answer()
    if (this.mode === 'record') this.answers.push(value)
    return value
  }
}

function taped(kind, driver) {
  const tape = new Tape()
  let seen = 0
  let previous = 0
  const sysFile = fileURLToPath(new URL(`../guest/miniports/bin/${driver}`, import.meta.url))
  const machineAndCpu = crashedMachine({
    mib: MIB,
    kind,
    sysFile,
    image: nullImage(MIB),
    driverCpu(cpu, { bus, ram }) {
      let watch = null
      let first = null
      const trap = cpu.trap.bind(cpu)
      const call = cpu.call.bind(cpu)
      cpu.trap = (base, count, handler) => trap(base, count, (slot) => tape.answered(() => handler(slot)))
      cpu.call = (entry, args) => {
        // HwInterrupt has one argument, HwBuildIo, the first call of an SRB, has two
        if (args.length === 2 && previous === 1) {
          if (tape.mode === 'record') {
            tape.mode = 'done'
            watch.changes()
            tape.calls[0].before = watch.changes(first)
          } else if (tape.mode === 'off' && seen > SETTLED) {
            tape.mode = 'record'
            watch = new RamWatch(ram)
            first = watch.copy()
          }
        }
        const before = tape.mode === 'record' ? watch.changes() : []
        seen++
        previous = args.length
        const { instructionCount, cr8 } = cpu
        const rsp = cpu.readGpr(Gpr.rsp)
        const result = call(entry, args)
        if (tape.mode === 'record') {
          watch.changes()
          const instructions = cpu.instructionCount - instructionCount
          tape.calls.push({ entry, args, cr8, rsp, before, instructions })
        }
        return result
      }
      for (const name of BUS_ACCESSES) {
        const access = bus[name].bind(bus)
        bus[name] = (...given) => tape.answered(() => access(...given))
      }
      tape.play = (isRun) => {
        tape.at = 0
        for (const { entry, args, cr8, rsp, before } of tape.calls) {
          for (const { gpa, bytes } of before) ram.write(gpa, bytes)
          cpu.cr8 = cr8
          cpu.writeGpr(Gpr.rsp, rsp)
          cpu.budget.instructions = 1e9
          cpu.budget.stallNs = 1e15
          if (isRun) call(entry, args)
        }
      }
      return cpu
    },
  })
  const { crashed, plan, cpu } = machineAndCpu
  const writing = crashed.write(plan)
  let step
  do step = writing.next()
  while (!step.done && tape.mode !== 'done')
  if (tape.mode !== 'done') throw new Error(`${driver} showed no SRB to repeat`)
  tape.mode = 'play'
  cpu.onDeviceAccess(null)
  return { tape, cpu }
}

const processorMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

for (const [kind, driver] of DRIVERS) {
  const { tape, cpu } = taped(kind, driver)
  const expected = tape.calls.reduce((sum, { instructions }) => sum + instructions, 0)
  tape.play(true)
  const speeds = Array.from({ length: ROUNDS }, () => {
    const before = cpu.instructionCount
    const start = processorMs()
    for (let i = 0; i < REPEATS; i++) tape.play(false)
    const between = processorMs()
    for (let i = 0; i < REPEATS; i++) tape.play(true)
    const ms = processorMs() - between - (between - start)
    const instructions = cpu.instructionCount - before
    if (instructions !== expected * REPEATS)
      throw new Error(`${driver} took another path: ${instructions / REPEATS}, expected ${expected}`)
    return instructions / ms / 1000
  })
  const mips = median(speeds)
  console.log(
    `${driver}: ${mips.toFixed(0)} MIPS, ${expected} instructions in ${tape.calls.length} calls with ${tape.answers.length} imports and register ` +
      `accesses an SRB of 64 KiB: ${(expected / mips).toFixed(1)} us`,
  )
}
