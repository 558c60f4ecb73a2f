// A client of the GDB remote serial protocol ("Debugging with GDB", appendix E): packets `$data#checksum`, here
// without acknowledgements, over a Unix socket; every wait is bounded.
import net from 'node:net'

export class GdbClient {
  readonly #socket: net.Socket
  readonly #timeoutMs: number
  #received = ''
  #wake: () => void = () => {}
  #ended = false

  private constructor(socket: net.Socket, timeoutMs: number) {
    this.#socket = socket
    this.#timeoutMs = timeoutMs
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#received += text
      this.#wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#ended = true
      this.#wake()
    })
  }

  /** Connects as soon as a server listens there. */
  static async connect(path: string, timeoutMs: number): Promise<GdbClient> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const socket = net.createConnection(path)
      const error = await new Promise<Error | null>((resolve) => {
        socket.once('connect', () => resolve(null))
        socket.once('error', resolve)
      })
      if (error === null) {
        const client = new GdbClient(socket, timeoutMs)
        await client.request('QStartNoAckMode')
        socket.write('+')
        return client
      }
      if (Date.now() > deadline) throw new Error(`no gdb server answers at ${path}: ${error.message}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** One packet, and the answer to it. */
  async request(packet: string): Promise<string> {
    let sum = 0
    for (let i = 0; i < packet.length; i++) sum += packet.charCodeAt(i)
    this.#socket.write(`$${packet}#${(sum & 0xff).toString(16).padStart(2, '0')}`)
    const deadline = Date.now() + this.#timeoutMs
    for (;;) {
      const start = this.#received.indexOf('$')
      const end = start < 0 ? -1 : this.#received.indexOf('#', start)
      if (end >= 0 && this.#received.length >= end + 3) {
        const answer = this.#received.slice(start + 1, end)
        this.#received = this.#received.slice(end + 3)
        return answer
      }
      const leftMs = deadline - Date.now()
      if (this.#ended || leftMs <= 0)
        throw new Error(`${this.#ended ? 'gone' : 'no answer'} after '${packet}'`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#wake = () => {}
    }
  }

  /** The same, where the stub answers OK. */
  async command(packet: string): Promise<void> {
    const answer = await this.request(packet)
    if (answer !== 'OK') throw new Error(`the stub answered '${answer}' to '${packet}'`)
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** A register's value as packets carry it: bytes in target order. */
export function littleEndianHex(value: bigint, byteLength: number): string {
  let text = ''
  for (let i = 0; i < byteLength; i++)
    text += ((value >> BigInt(8 * i)) & 0xffn).toString(16).padStart(2, '0')
  return text
}
