// Asynchronous events (NVM Express 1.4 section 5.2): each ends a request that waits for one, and masks its type until the driver reads its
// log page.
import { NVME_EVENT_INFORMATION_SHIFT, NVME_EVENT_LOG_SHIFT } from '@dumpstack/registers'
import { AERL } from './identity.ts'
import type { NvmeRequest } from './request.ts'

const TYPE_MASK = 0x7

export class AsyncEvents {
  readonly #requests: NvmeRequest[] = []
  /** As dword 0 of the completion has them. */
  readonly #events: number[] = []
  /** A bit for each type. */
  #masked = 0
  readonly #post: (request: NvmeRequest) => void

  constructor(post: (request: NvmeRequest) => void) {
    this.#post = post
  }

  reset(): void {
    this.#requests.length = this.#events.length = 0
    this.#masked = 0
  }

  /** A request waits for an event; false where too many do. */
  await(request: NvmeRequest): boolean {
    if (this.#requests.length > AERL) return false
    this.#requests.push(request)
    this.#deliver()
    return true
  }

  /** Unless its type is masked, or as many as a driver can ask for wait already. */
  raise(type: number, information: number, log: number): void {
    if ((this.#masked & (1 << type)) !== 0 || this.#events.length > AERL) return
    this.#events.push(type | (information << NVME_EVENT_INFORMATION_SHIFT) | (log << NVME_EVENT_LOG_SHIFT))
    this.#deliver()
  }

  /** The log page of a type was read. */
  unmask(type: number): void {
    this.#masked &= ~(1 << type)
    this.#deliver()
  }

  #deliver(): void {
    while (this.#requests.length > 0) {
      const index = this.#events.findIndex((event) => (this.#masked & (1 << (event & TYPE_MASK))) === 0)
      if (index < 0) return
      const [event] = this.#events.splice(index, 1)
      this.#masked |= 1 << (event! & TYPE_MASK)
      const request = this.#requests.shift()!
      request.result = event!
      this.#post(request)
    }
  }
}
