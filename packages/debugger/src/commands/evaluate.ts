import { hex64 } from '@dumpstack/bytes'
import type { Command } from '../command.ts'
import { evaluate } from '../expression.ts'

export const evaluateCommand: Command<{ readonly kind: 'value'; readonly value: bigint }> = {
  names: ['?'],
  isPrefix: true,
  help: {
    summary: 'evaluate an expression',
    usage: ['? EXPRESSION'],
    text:
      'Numbers are hexadecimal unless they start with 0n (decimal), 0t (octal) or 0y (binary); ` may stand between digits. ' +
      'Names: registers (@rax), module!symbol, module (its base), . and @$ip, @$csp, @$thread, @$prcb. ' +
      'Operators: + - * / % << >> & ^ | = != < > <= >= ~ and parentheses. poi() reads a pointer, by() wo() dwo() qwo() 1 to 8 bytes.',
    examples: ['? nt!PsLoadedModuleList - nt', '? poi(@rsp) & 0xfff', '? 0n19041'],
    follows: 'learn.microsoft.com/windows-hardware/drivers/debuggercmds/---evaluate-expression-',
  },
  async *facts(session, { rest }) {
    yield { kind: 'value', value: await evaluate(session, rest) }
  },
  print({ value }, write) {
    write(`Evaluate expression: ${BigInt.asIntN(64, value)} = ${hex64(value)}`)
  },
}
