import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { instructionLines } from '../instruction-lines.ts'

const IP_DIGITS = 16

export const r: Command = {
  names: ['r'],
  help: {
    summary: 'show registers',
    usage: ['r', 'r REGISTER[,REGISTER...]'],
    text:
      'Shows the registers of the current context and its instruction. That is the context of the current processor, as the ' +
      'freeze of the crash saved it (KPRCB.Context), not the one of the exception: .ecxr and .cxr move there. A dump is read only: ' +
      'registers cannot be set. Registers of ARM64 are shown as well; their layout is unverified.',
    examples: ['r', 'r rip', 'r @rax,rcx', 'r pc'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/r--registers-',
  },
  async run({ session, print }, rest) {
    const registers = session.registerFile
    if (rest === '') {
      for (const line of registers.lines()) print(line)
      for (const line of await instructionLines(session)) print(line)
      return
    }
    if (rest.includes('='))
      throw new DebuggerError('READ_ONLY', 'a dump is read only: registers cannot be set')
    const names = rest.split(/[\s,]+/).map((name) => name.replace(/^@/, ''))
    const values = names.map((name) => {
      const value = name === '$ip' ? registers.ip : registers.value(name)
      if (value === null) throw new DebuggerError('ARGUMENT', `register '${name}' is not known`)
      return `${name}=${value.toString(16).padStart(name === '$ip' ? IP_DIGITS : registers.digitsOf(name), '0')}`
    })
    print(values.join(' '))
  },
}
