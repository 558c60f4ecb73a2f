import type { Command } from '../command.ts'
import { DebuggerError } from '../errors.ts'
import { instructionLines } from '../instruction-lines.ts'

export const r: Command = {
  names: ['r'],
  help: {
    summary: 'show registers',
    usage: ['r', 'r REGISTER[,REGISTER...]'],
    text:
      'Shows the registers of the current context and its instruction. That is the context of the current processor, as the ' +
      'freeze of the crash saved it (KPRCB.Context), not the one of the exception: .ecxr and .cxr move there. A dump is read only: ' +
      'registers cannot be set.',
    examples: ['r', 'r rip', 'r @rax,rcx'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/r--registers-',
  },
  async run({ session, print }, rest) {
    const { registers } = session
    if (rest === '') {
      for (const line of registers.lines()) print(line)
      for (const line of await instructionLines(session)) print(line)
      return
    }
    if (rest.includes('='))
      throw new DebuggerError('READ_ONLY', 'a dump is read only: registers cannot be set')
    const names = rest.split(/[\s,]+/).map((name) => name.replace(/^@/, ''))
    const values = names.map((name) => {
      const value = name === '$ip' ? registers.rip : registers.value(name)
      if (value === null) throw new DebuggerError('ARGUMENT', `register '${name}' is not known`)
      return `${name}=${value.toString(16).padStart(widthOf(name), '0')}`
    })
    print(values.join(' '))
  },
}

/** Digits of a register by its name. */
function widthOf(name: string): number {
  if (/^(r[a-z0-9]+[a-z0-9]|\$ip|dr\d)$/.test(name) && !/^r\d+[dwb]$/.test(name)) return 16
  if (/^(e[a-z]{2}|efl|mxcsr|r\d+d)$/.test(name)) return 8
  if (/^([abcd][lh]|[sd]il|[sb]pl|r\d+b)$/.test(name)) return 2
  return 4
}
