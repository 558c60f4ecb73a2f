// Ports, model-specific registers, time, flags that are set one by one, translations, and exchanges of two registers.
import type { Value } from '../emit/conditions.ts'
import type { Emitter, Form } from '../emit/emitter.ts'
import { Flag } from '../flags.ts'
import { Word } from '../state.ts'

const RAX = 0
const RCX = 1
const RDX = 2
const RBX = 3

/** From an immediate of 8 bits or dx. */
const portNumber = (emit: Emitter, value: Value, size: number): string =>
  emit.name(`${value.lo}&${size === 1 ? 255 : 65535}`)

const input: Form = (emit, { operands: [to, from] }) => {
  emit.kernelOnly()
  const port = portNumber(emit, emit.read(from), from!.size)
  emit.mayStop()
  emit.write(to, { lo: emit.cut(`ports.read(${port},${to!.size})`, to!.size), hi: '0' })
}

const output: Form = (emit, { operands: [to, from] }) => {
  emit.kernelOnly()
  const port = portNumber(emit, emit.read(to), to!.size)
  const value = emit.read(from)
  emit.mayStop()
  emit.line(`ports.write(${port},${from!.size},${value.lo});`)
}

/** Something that the system unit does to registers, and may stop in. */
const systemCall =
  (name: string): Form =>
  (emit) => {
    emit.mayStop()
    emit.line(`system.${name}();`)
  }

const readTimeAndProcessor: Form = (emit) => {
  emit.mayStop()
  emit.line('system.readTime();')
  emit.setRegister(RCX, 4, { lo: '0', hi: '0' })
}

const carryTo =
  (bit: 0 | 1): Form =>
  (emit) => {
    emit.line(`system.setCarry(${bit});`)
    emit.flagsInState()
  }

const complementCarry: Form = (emit) => {
  const carry = emit.carry()
  emit.line(`system.setCarry(${carry}?0:1);`)
  emit.flagsInState()
}

const clearInterruptFlag: Form = (emit) => {
  emit.kernelOnly()
  emit.line(`S[${Word.system}]&=${~Flag.i};`)
}

const setInterruptFlag: Form = (emit) => {
  emit.kernelOnly()
  emit.line('system.setInterruptFlag();')
}

const systemFlag =
  (flag: number, isSet: boolean): Form =>
  (emit) => {
    emit.line(`S[${Word.system}]${isSet ? `|=${flag}` : `&=${~flag}`};`)
  }

const invalidatePage: Form = (emit, { operands: [to] }) => {
  if (to?.kind !== 'memory') return emit.refuse()
  emit.kernelOnly()
  const { lo, hi } = emit.address(to)
  emit.line(`system.invalidatePage(${lo},${hi});`)
  emit.end()
}

const storeDirect: Form = (emit, { operands: [to, from] }) => emit.write(to, emit.read(from))

const swapGs: Form = (emit) => {
  emit.kernelOnly()
  for (const half of [0, 1]) {
    const kernel = emit.name(`S[${Word.kernelGsBase + half}]`)
    emit.line(`S[${Word.kernelGsBase + half}]=S[${Word.gsBase + half}];S[${Word.gsBase + half}]=${kernel};`)
  }
}

/** cmpxchg8b and cmpxchg16b: rdx:rax with memory, rcx:rbx into it where equal; memory is written in both cases. */
const exchangePair =
  (size: 4 | 8): Form =>
  (emit, { operands: [to] }) => {
    if (to?.kind !== 'memory') return emit.refuse()
    const address = emit.address(to)
    const upper = emit.add64(address, { lo: `${size}`, hi: '0' })
    emit.mayStop()
    if (size === 8) emit.line(`if((${address.lo}&15)!==0)system.stop('generalProtection');`)
    emit.line(`memory.probe(${address.lo},${address.hi},${size * 2},'write');`)
    const low = emit.load(size, address)
    const high = emit.load(size, upper)
    const isSame = (a: Value, b: Value): string =>
      size === 8 ? `${a.lo}===${b.lo}&&${a.hi}===${b.hi}` : `${a.lo}===${b.lo}`
    const isEqual = emit.name(
      `${isSame(low, emit.register(RAX, size))}&&${isSame(high, emit.register(RDX, size))}`,
    )
    const pick = (a: Value, b: Value): Value => ({
      lo: emit.name(`${isEqual}?${a.lo}:${b.lo}`),
      hi: emit.name(`${isEqual}?${a.hi}:${b.hi}`),
    })
    emit.store(size, address, pick(emit.register(RBX, size), low))
    emit.store(size, upper, pick(emit.register(RCX, size), high))
    emit.line(`if(!${isEqual}){`)
    emit.setRegister(RAX, size, low)
    emit.setRegister(RDX, size, high)
    emit.line('}')
    emit.line(`system.setZero(${isEqual}?1:0);`)
    emit.flagsInState()
  }

export const system: Readonly<Record<string, Form>> = {
  in: input,
  out: output,
  rdmsr: systemCall('readMsr'),
  wrmsr: systemCall('writeMsr'),
  rdtsc: systemCall('readTime'),
  rdtscp: readTimeAndProcessor,
  cpuid: systemCall('identify'),
  clc: carryTo(0),
  stc: carryTo(1),
  cmc: complementCarry,
  cld: systemFlag(Flag.d, false),
  std: systemFlag(Flag.d, true),
  cli: clearInterruptFlag,
  sti: setInterruptFlag,
  invlpg: invalidatePage,
  movnti: storeDirect,
  swapgs: swapGs,
  cmpxchg8b: exchangePair(4),
  cmpxchg16b: exchangePair(8),
}
