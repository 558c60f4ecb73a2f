// The pages of a dump as physical memory.
import {
  type ByteSource,
  type Gpa,
  PAGE_SIZE,
  type PageRun,
  type Pfn,
  type PhysicalSpace,
} from '@dumpstack/bytes'
import type { DumpBody } from './body.ts'

export class DumpPhysicalSpace implements PhysicalSpace {
  readonly #source: ByteSource
  readonly #body: DumpBody
  #runs: readonly PageRun[] | null = null

  constructor(source: ByteSource, body: DumpBody) {
    this.#source = source
    this.#body = body
  }

  /** Built when first asked for: a kernel dump can have very many. */
  get runs(): readonly PageRun[] {
    this.#runs ??= [...this.#body.pages.runs()]
    return this.#runs
  }

  read(gpa: Gpa, into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength) {
      const address = gpa + done
      const page = Math.floor(address / PAGE_SIZE) as Pfn // a quotient by the page size is a PFN
      const inPage = address % PAGE_SIZE
      const offset = this.#body.offsetOf(page)
      if (offset < 0) break
      const length = Math.min(
        into.byteLength - done,
        this.#contiguous(page, offset, into.byteLength - done + inPage) - inPage,
      )
      const part = done === 0 && length === into.byteLength ? into : into.subarray(done, done + length)
      const got = this.#source.read(offset + inPage, part)
      done += got
      if (got < length) break
    }
    return done
  }

  /** Bytes from the start of `page` on whose pages also follow each other in the file, at least one page. */
  #contiguous(page: number, offset: number, wanted: number): number {
    let length = PAGE_SIZE
    while (length < wanted && this.#body.offsetOf((page + length / PAGE_SIZE) as Pfn) === offset + length) {
      length += PAGE_SIZE // the sum of a PFN and a count is a PFN
    }
    return length
  }
}
