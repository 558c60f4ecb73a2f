// The lines that a user types: from a terminal with history, completion and Ctrl-B, or from a pipe.
import readline from 'node:readline'

export interface LineInput {
  /** Null at the end of the input, and after Ctrl-B and Enter. */
  next(prompt: string): Promise<string | null>
  close(): void
}

const CTRL_B = '\x02'

export interface LineOptions {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  /** Words that complete the one before the cursor. */
  complete(word: string): string[]
  /** Ctrl-C while a command runs. */
  onInterrupt(): void
  /** Where prompts go that no terminal shows. */
  write(text: string): void
}

export function openLines(options: LineOptions): LineInput {
  const isTerminal = options.input.isTTY === true && options.output.isTTY === true
  const lines: string[] = []
  let wanted: ((line: string | null) => void) | null = null
  let hasEnded = false
  let isLeaving = false
  const reader = readline.createInterface({
    input: options.input,
    ...(isTerminal && { output: options.output }),
    terminal: isTerminal,
    historySize: 1000,
    removeHistoryDuplicates: true,
    completer: (line: string): [string[], string] => {
      const word = /[^\s;]*$/.exec(line)![0]
      return [options.complete(word), word]
    },
  })
  const end = (): void => {
    hasEnded = true
    wanted?.(null)
    wanted = null
  }
  const onKey = (_: string | undefined, key: readline.Key): void => {
    if (key.ctrl === true && key.name === 'b') isLeaving = true
    else if (key.name !== 'return' && key.name !== 'enter') isLeaving = false
  }
  if (isTerminal) options.input.on('keypress', onKey)
  reader.on('SIGINT', () => {
    if (wanted === null) options.onInterrupt()
    else {
      // Nothing runs: the line that was begun is given up, as other command lines do.
      reader.write(null, { ctrl: true, name: 'e' })
      reader.write(null, { ctrl: true, name: 'u' })
    }
  })
  reader.on('line', (line) => {
    if (hasEnded) return // what follows Ctrl-B was read ahead, while a command ran
    if (isLeaving || line.trim() === CTRL_B) end()
    else if (wanted !== null) {
      const deliver = wanted
      wanted = null
      deliver(line)
    } else lines.push(line)
  })
  reader.on('close', end)
  return {
    next(prompt) {
      if (isTerminal) {
        reader.setPrompt(prompt)
        reader.prompt()
      } else options.write(prompt)
      const ready = lines.shift()
      if (ready !== undefined) return Promise.resolve(ready)
      if (hasEnded) return Promise.resolve(null)
      return new Promise((resolve) => {
        wanted = resolve
      })
    },
    close() {
      options.input.off('keypress', onKey)
      reader.close()
    },
  }
}
