// Expressions as MASM-like debuggers read them: hexadecimal unless a prefix says otherwise, registers, module!symbol,
// poi() and its narrower forms. learn.microsoft.com, "MASM numbers and operators". All arithmetic is modulo 2^64.
import { DebuggerError } from './errors.ts'
import { noSymbols } from './modules.ts'
import type { Session } from './session.ts'

const U64 = (value: bigint): bigint => BigInt.asUintN(64, value)

/** The value of a whole expression. Throws DebuggerError EXPRESSION or MEMORY_ABSENT. */
export async function evaluate(session: Session, text: string): Promise<bigint> {
  const tokens = tokenize(text)
  const parser = new Parser(session, tokens, text)
  const value = await parser.expression(0)
  parser.expectEnd()
  return value
}

interface Token {
  readonly kind: 'word' | 'operator'
  readonly text: string
  readonly at: number
}

// A word holds what names and numbers are made of: `fffff804`7ba00000`, `nt!KeBugCheckEx`, `@$ip`, `0n10`, `foo::bar`.
const TOKEN =
  /\s*(?:(@?[$A-Za-z_0-9?.][$A-Za-z_0-9?`.~]*(?:::[$A-Za-z_0-9~]+)*(?:![^\s+\-*/%&|^<>=()[\],]+)?)|(<<|>>|==|!=|<=|>=|&&|\|\||[-+*/%&|^<>=()~[\],]))/y

function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  const end = text.trimEnd().length
  let at = 0
  while (at < end) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(text)
    if (match === null) throw wrong(text, at, `'${text.slice(at).trim()[0]}' has no meaning here`)
    const [whole, word, operator] = match
    tokens.push({
      kind: word === undefined ? 'operator' : 'word',
      text: word ?? operator!,
      at: at + whole.length - (word ?? operator!).length,
    })
    at += whole.length
  }
  if (tokens.length === 0) throw wrong(text, 0, 'there is nothing to evaluate')
  return tokens
}

const wrong = (text: string, at: number, why: string): DebuggerError =>
  new DebuggerError('EXPRESSION', `${why} at column ${at + 1} of '${text.trim()}'`, { text, at })

type Operate = (left: bigint, right: bigint) => bigint
const truth = (is: boolean): bigint => (is ? 1n : 0n)
/** Higher binds tighter. */
const BINARY: Readonly<Record<string, readonly [precedence: number, operate: Operate]>> = {
  '*': [6, (left, right) => left * right],
  '/': [6, (left, right) => left / right],
  '%': [6, (left, right) => left % right],
  mod: [6, (left, right) => left % right],
  '+': [5, (left, right) => left + right],
  '-': [5, (left, right) => left - right],
  '<<': [4, (left, right) => (right > 63n ? 0n : left << right)],
  '>>': [4, (left, right) => (right > 63n ? 0n : left >> right)],
  '<': [3, (left, right) => truth(left < right)],
  '>': [3, (left, right) => truth(left > right)],
  '<=': [3, (left, right) => truth(left <= right)],
  '>=': [3, (left, right) => truth(left >= right)],
  '=': [3, (left, right) => truth(left === right)],
  '==': [3, (left, right) => truth(left === right)],
  '!=': [3, (left, right) => truth(left !== right)],
  '&': [2, (left, right) => left & right],
  and: [2, (left, right) => left & right],
  '^': [1, (left, right) => left ^ right],
  xor: [1, (left, right) => left ^ right],
  '|': [0, (left, right) => left | right],
  or: [0, (left, right) => left | right],
}
const DIVISIONS = new Set(['/', '%', 'mod'])
const MAX_DEPTH = 64

/** Functions of one value: they take parentheses or the next term. */
const FUNCTIONS = new Set(['poi', 'qwo', 'dwo', 'wo', 'by', 'hi', 'low', 'not'])

class Parser {
  readonly #session: Session
  readonly #tokens: readonly Token[]
  readonly #text: string
  #next = 0
  #depth = 0

  constructor(session: Session, tokens: readonly Token[], text: string) {
    this.#session = session
    this.#tokens = tokens
    this.#text = text
  }

  async expression(lowest: number): Promise<bigint> {
    if (++this.#depth > MAX_DEPTH) throw wrong(this.#text, 0, 'too deeply nested')
    let left = await this.#term()
    for (;;) {
      const token = this.#tokens[this.#next]
      const rule = token === undefined ? undefined : BINARY[token.text.toLowerCase()]
      if (token === undefined || rule === undefined || rule[0] < lowest) break
      this.#next++
      const right = await this.expression(rule[0] + 1)
      if (right === 0n && DIVISIONS.has(token.text.toLowerCase())) {
        throw wrong(this.#text, token.at, 'division by zero')
      }
      left = U64(rule[1](left, right))
    }
    this.#depth--
    return left
  }

  expectEnd(): void {
    const token = this.#tokens[this.#next]
    if (token !== undefined) throw wrong(this.#text, token.at, `'${token.text}' is one too many`)
  }

  async #term(): Promise<bigint> {
    const token = this.#tokens[this.#next++]
    if (token === undefined) throw wrong(this.#text, this.#text.length, 'something is missing')
    if (token.kind === 'word') {
      const lower = token.text.toLowerCase()
      if (FUNCTIONS.has(lower)) return this.#call(lower)
      return this.#value(token)
    }
    if (++this.#depth > MAX_DEPTH) throw wrong(this.#text, token.at, 'too deeply nested')
    try {
      switch (token.text) {
        case '-':
          return U64(-(await this.#term()))
        case '+':
          return await this.#term()
        case '~':
          return U64(~(await this.#term()))
        case '(': {
          const value = await this.expression(0)
          this.#expect(')')
          return value
        }
        default:
          throw wrong(this.#text, token.at, `'${token.text}' has no value`)
      }
    } finally {
      this.#depth--
    }
  }

  async #call(name: string): Promise<bigint> {
    const argument = await this.#term()
    const { memory } = this.#session
    switch (name) {
      case 'poi':
      case 'qwo':
        return memory.u64(argument)
      case 'dwo':
        return BigInt(memory.u32(argument))
      case 'wo':
        return BigInt(memory.u16(argument))
      case 'by':
        return BigInt(memory.u8(argument))
      case 'hi':
        return (argument >> 16n) & 0xffffn
      case 'low':
        return argument & 0xffffn
      default:
        return truth(argument === 0n)
    }
  }

  /** Numbers come first: `a` and `cafe` are numbers, `@rax` and `nt!x` are not. */
  async #value(token: Token): Promise<bigint> {
    const { text } = token
    if (text.startsWith('@')) return this.#register(text.slice(1), token)
    const number = parseNumber(text)
    if (number !== null) return number
    if (text.startsWith('$')) return this.#register(text, token)
    if (text === '.') return this.#session.registerFile.ip
    if (text.includes('!')) return this.#symbol(text, token)
    const register = REGISTER_LIKE.test(text) ? this.#session.registerFile.value(text) : null
    if (register !== null) return register
    const module = this.#session.modules.named(text)
    if (module !== null) return module.base
    return this.#symbolOfKernel(text, token)
  }

  #register(name: string, token: Token): bigint {
    const session = this.#session
    switch (name.toLowerCase()) {
      case '$ip':
      case '$exentry':
        return session.registerFile.ip
      case '$csp':
        return session.registerFile.sp
      case '$thread': {
        const thread = session.currentThread
        if (thread === null) throw wrong(this.#text, token.at, 'the current thread is not in the dump')
        return thread
      }
      case '$prcb':
        if (session.processor?.prcb == null) throw wrong(this.#text, token.at, 'the PRCB is not in the dump')
        return session.processor.prcb
    }
    const value = session.registerFile.value(name)
    if (value === null) throw wrong(this.#text, token.at, `register '${name}' is not known`)
    return value
  }

  async #symbol(text: string, token: Token): Promise<bigint> {
    const bang = text.indexOf('!')
    const module = this.#session.modules.named(text.slice(0, bang))
    if (module === null) throw wrong(this.#text, token.at, `no module '${text.slice(0, bang)}'`)
    await this.#session.loadSymbols(module)
    const address = module.byName(text.slice(bang + 1))
    if (address !== null) return address
    const why = module.status === 'pdb' || module.status === 'isf' ? '' : `: ${noSymbols(module)}`
    throw wrong(this.#text, token.at, `no symbol '${text}'${why}`)
  }

  async #symbolOfKernel(text: string, token: Token): Promise<bigint> {
    for (const module of this.#session.modules.all) {
      if (module !== this.#session.modules.all[0] && module.status === 'deferred') continue
      await this.#session.loadSymbols(module)
      const address = module.byName(text)
      if (address !== null) return address
    }
    throw wrong(
      this.#text,
      token.at,
      `no symbol or register '${text}' in the modules whose symbols are loaded`,
    )
  }

  #expect(text: string): void {
    const token = this.#tokens[this.#next++]
    if (token?.text !== text) throw wrong(this.#text, token?.at ?? this.#text.length, `'${text}' is missing`)
  }
}

const REGISTER_LIKE = /^[a-z][a-z0-9]{1,4}$/i

/** Null for a text that is no number. Numbers are `0x1f`, `0n10`, `0t17`, `0y101`, `1fh`, `fffff804`7ba00000`. */
export function parseNumber(text: string): bigint | null {
  const plain = text.replaceAll('`', '')
  const match = /^(0x[0-9a-f]+|0n\d+|0t[0-7]+|0y[01]+|[0-9a-f]+h?)$/i.exec(plain)
  if (match === null) return null
  const lower = plain.toLowerCase()
  let value: bigint
  if (lower.startsWith('0n')) value = BigInt(lower.slice(2))
  else if (lower.startsWith('0t')) value = BigInt(`0o${lower.slice(2)}`)
  else if (lower.startsWith('0y')) value = BigInt(`0b${lower.slice(2)}`)
  else value = BigInt(lower.startsWith('0x') ? lower : `0x${lower.replace(/h$/, '')}`)
  return value < 1n << 64n ? value : null
}
