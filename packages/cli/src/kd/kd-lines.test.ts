import { PassThrough } from 'node:stream'
import type { ReadStream, WriteStream } from 'node:tty'
import { expect, it } from 'vitest'
import { type LineInput, openLines } from './kd-lines.ts'

interface Terminal {
  readonly lines: LineInput
  readonly interrupts: number[]
  type(keys: string): Promise<void>
}

/** A terminal without a machine behind it: keys go in one by one, as from fingers. */
function terminal(): Terminal {
  const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => input })
  const output = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
  output.resume()
  const interrupts: number[] = []
  const lines = openLines({
    input: input as unknown as ReadStream, // all that readline asks of a terminal
    output: output as unknown as WriteStream,
    complete: (word) => ['.bugcheck', '.cxr', 'lm'].filter((name) => name.startsWith(word)),
    onInterrupt: () => interrupts.push(1),
    write: () => undefined,
  })
  const type = async (keys: string): Promise<void> => {
    for (const key of keys) {
      input.write(key)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { lines, interrupts, type }
}

it('gives the lines that are typed', async () => {
  const { lines, type } = terminal()
  const line = lines.next('kd> ')
  await type('lm m nt\r')
  expect(await line).toBe('lm m nt')
  lines.close()
})

it('leaves at Ctrl-B and Enter, and only then', async () => {
  const { lines, type } = terminal()
  const first = lines.next('kd> ')
  await type('\x02r\r') // Ctrl-B, then something else than Enter
  expect(await first).toBe('r')
  const second = lines.next('kd> ')
  await type('\x02\r')
  expect(await second).toBeNull()
  expect(await lines.next('kd> ')).toBeNull()
  lines.close()
})

it('reads nothing after Ctrl-B, even where a pipe has it all at once', async () => {
  const input = new PassThrough()
  const lines = openLines({
    input: input as unknown as ReadStream, // a pipe: isTTY is undefined
    output: new PassThrough() as unknown as WriteStream,
    complete: () => [],
    onInterrupt: () => undefined,
    write: () => undefined,
  })
  input.end('lm\nr\n\x02\nk\n')
  const read = [await lines.next('')]
  await new Promise((resolve) => setImmediate(resolve)) // a command runs, the pipe is read to its end
  for (let line = await lines.next(''); line !== null; line = await lines.next('')) read.push(line)
  expect(read).toEqual(['lm', 'r'])
  lines.close()
})

it('gives up the line at Ctrl-C where nothing runs', async () => {
  const { lines, interrupts, type } = terminal()
  const line = lines.next('kd> ')
  await type('? 1\x03? 2\r')
  expect(await line).toBe('? 2')
  expect(interrupts).toEqual([])
  lines.close()
})

it('interrupts at Ctrl-C what runs', async () => {
  const { lines, interrupts, type } = terminal()
  const line = lines.next('kd> ')
  await type('db 0\r')
  await line
  await type('\x03')
  expect(interrupts).toEqual([1])
  lines.close()
})

it('completes at Tab, and shows earlier lines at the arrow up', async () => {
  const { lines, type } = terminal()
  const first = lines.next('kd> ')
  await type('.bu\t\r')
  expect(await first).toBe('.bugcheck')
  const second = lines.next('kd> ')
  await type('\x1b[A\r')
  expect(await second).toBe('.bugcheck')
  lines.close()
})
