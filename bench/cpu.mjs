// What the processor costs: millions of instructions a second on a compiled loop with memory, calls and branches (a ring
// of descriptors, as drivers keep them), a tight loop, 64 KiB moved by rep movsq, an import trap, a call into guest code,
// a register access, and how long code takes that runs for the first time. Prints medians of processor time. Needs a build (npm run build).
import { gpa, gva } from '@dumpstack/bytes'
import { createCpu } from '@dumpstack/cpu'
import { IcedDecoder } from '@dumpstack/cpu/node'
import { ahci, createDisk, createMachine, MemoryDiskImage } from '@dumpstack/machine'

const ROUNDS = 9
const CODE = 0xfffff80000001000n
const DATA = 0xfffff80000100000n
const STACK = 0xfffff80000200000n
const REGISTERS = 0xfffff80000300000n
const TRAPS = gva(0xfffff80070000000n)
const PRESENT_WRITABLE = 0x63n

// clang 16 -O2, x64 calling convention of Windows: entry(ring, n) puts n times a buffer of 12 KiB, page by page, into a
// ring of 64 descriptors (put) and takes them out again (take).
const RING_LOOP =
  '4157415641554154565755534883ec2848c70100000000c741083f0000004885d20f849d0000004889d64889cf4531ff49bc0000000000f8ffff' +
  '31dbeb0a669049ffc74939f7747e4d69f7340200004d01e641bd00300000eb10660f1f44000089e84901c64129ed74364489f025ff0f0000bd00' +
  '10000029c54439ed410f43ed4889f94c89f24189e8e85200000085c075ce4889f9e8860000004831c3ebc1904489f8f7d0a80375970f1f800000' +
  '00008b47043b0774894889f9e8610000004801c3ebec31db4889d84883c4285b5d5f5e415c415d415e415fc3cccccccccccc448b098b4108458d' +
  '5101448b59044531d34185c374194421c8488954c1104489848110020000448911b801000000c331c0c3cccccccccccccccccccccccccccc8b41' +
  '043901750331c0c38d5001895104234108488b54c11048c744c110ffffffff8b8481100200004801d0c3'
// 1: add rax, rcx; xor rax, rdx; dec rcx; jnz 1b; ret
const TIGHT_LOOP = '4801c84831d048ffc975f5c3'
// mov rdi, rcx; mov rsi, rdx; mov rcx, r8; rep movsq; ret
const MOVE = '4889cf4889d64c89c1f348a5c3'
// push rbx; push rsi; sub rsp, 28h; mov rbx, rcx; mov rsi, rdx; 1: mov rcx, rsi; call rbx; dec rsi; jnz 1b;
// add rsp, 28h; pop rsi; pop rbx; ret
const TRAP_LOOP = '53564883ec284889cb4889d64889f1ffd348ffce75f64883c4285e5bc3'
// 1: mov eax, [rcx]; dec rdx; jnz 1b; ret
const REGISTER_LOOP = '8b0148ffca75f9c3'

function processor() {
  const disk = createDisk({
    name: 'disk0',
    model: 'Bench',
    serialNumber: '1',
    logicalSectorBytes: 512,
    image: new MemoryDiskImage(2 ** 20),
  })
  const machine = createMachine({
    seed: 1,
    runs: [{ basePage: 0x100, pageCount: 0x1000 }],
    cpuCount: 1,
    controllers: [{ model: ahci, name: 'ahci0', bdf: 0xfa, interruptVector: 11, attachments: [{ disk }] }],
  })
  // PML4 0x100000, PDPT 0x101000, PD 0x102000, PT 0x103000: 2 MiB at 0xfffff80000000000 to 0x200000, then the registers
  const tables = new Uint8Array(0x5000)
  machine.ram.write(gpa(0x100000), tables)
  machine.ram.setU64(gpa(0x100000 + 0x1f0 * 8), 0x101000n | PRESENT_WRITABLE)
  machine.ram.setU64(gpa(0x101000), 0x102000n | PRESENT_WRITABLE)
  machine.ram.setU64(gpa(0x102000), 0x103000n | PRESENT_WRITABLE)
  machine.ram.setU64(gpa(0x102000 + 8), 0x104000n | PRESENT_WRITABLE)
  for (let page = 0; page < 512; page++) {
    machine.ram.setU64(gpa(0x103000 + page * 8), BigInt(0x200000 + page * 4096) | PRESENT_WRITABLE)
  }
  const window = BigInt(machine.bus.config32(0xfa, 0x24))
  machine.ram.setU64(gpa(0x104000 + 0x100 * 8), window | PRESENT_WRITABLE)
  const cpu = createCpu(machine, new IcedDecoder())
  cpu.cr3 = gpa(0x100000)
  cpu.writeGpr(4, STACK)
  cpu.trap(TRAPS, 16, (slot) => BigInt(slot) + cpu.argument(0))
  return { machine, cpu }
}

function load({ machine }, code) {
  machine.ram.write(gpa(0x201000), Buffer.from(code, 'hex'))
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]
/** Milliseconds of processor time, compiler threads included: other load on the machine does not count. */
const timed = (action) => {
  const start = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

function rate(code, args) {
  const one = processor()
  load(one, code)
  const speeds = Array.from({ length: ROUNDS }, () => {
    one.cpu.budget.instructions = 1e9
    one.cpu.budget.stallNs = 1e15
    const before = one.cpu.instructionCount
    const ms = timed(() => one.cpu.call(CODE, args))
    return (one.cpu.instructionCount - before) / ms / 1000
  })
  return median(speeds)
}

/** Microseconds for each of `count` repetitions that the code makes. */
function each(code, args, count) {
  const one = processor()
  load(one, code)
  return median(
    Array.from({ length: ROUNDS }, () => {
      one.cpu.budget.instructions = 1e9
      one.cpu.budget.stallNs = 1e15
      return (timed(() => one.cpu.call(CODE, args)) * 1000) / count
    }),
  )
}

function perCall() {
  const one = processor()
  load(one, 'c3')
  return median(
    Array.from({ length: ROUNDS }, () => {
      one.cpu.budget.instructions = 1e9
      one.cpu.budget.stallNs = 1e15
      return (
        (timed(() => {
          for (let i = 0; i < 20_000; i++) one.cpu.call(CODE, [1n, 2n])
        }) *
          1000) /
        20_000
      )
    }),
  )
}

/** Blocks of straight code, each run once: decoding, compiling, running. */
function first() {
  const one = processor()
  const block = '488b41084801d0488941104883f80575004531c94c8b5110' // 8 instructions, the jump leads to the next one
  load(one, `${block.repeat(2000)}c3`)
  const ms = timed(() => one.cpu.call(CODE, [DATA]))
  return { ms, instructions: one.cpu.instructionCount }
}

const { ms, instructions } = first()
console.log(
  `code that runs once   ${((ms * 1000) / instructions).toFixed(1)} us an instruction (${instructions}, ${ms.toFixed(0)} ms)`,
)
console.log(`ring of descriptors   ${rate(RING_LOOP, [DATA, 100_000n]).toFixed(0)} MIPS`)
console.log(`tight loop            ${rate(TIGHT_LOOP, [3_000_000n, 5n]).toFixed(0)} MIPS`)
console.log(`import trap           ${each(TRAP_LOOP, [TRAPS, 100_000n], 100_000).toFixed(2)} us`)
console.log(`register access       ${each(REGISTER_LOOP, [REGISTERS, 100_000n], 100_000).toFixed(2)} us`)
console.log(`call of a function    ${perCall().toFixed(2)} us`)
console.log(`rep movsq of 64 KiB   ${each(MOVE, [DATA, DATA + 0x20000n, 8192n], 1).toFixed(1)} us`)
