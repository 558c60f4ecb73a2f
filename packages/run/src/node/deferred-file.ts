// A file of the run that is written while guest code runs: a full disk is no concern of the guest, and waits until the step has ended.
import { closeSync } from 'node:fs'
import { onHost } from './host-error.ts'
import type { OwnedFolder } from './owned-folder.ts'

export class DeferredFile {
  readonly #folder: OwnedFolder
  readonly #path: string
  readonly #fd: number
  #failure: { readonly error: unknown } | null = null

  /** Throws RunError HOST_IO. */
  constructor(folder: OwnedFolder, name: string) {
    this.#folder = folder
    this.#path = folder.pathOf(name)
    this.#fd = onHost(`write ${this.#path}`, () => folder.create(name))
  }

  /** Writes nothing more after a failure. */
  write(bytes: Uint8Array): void {
    if (this.#failure !== null) return
    try {
      this.#folder.write(this.#fd, bytes)
    } catch (error) {
      this.#failure = { error }
    }
  }

  /** Throws RunError HOST_IO for what could not be written since. */
  check(): void {
    const failure = this.#failure
    if (failure === null) return
    this.#failure = null
    onHost(`write ${this.#path}`, () => {
      throw failure.error
    })
  }

  close(): void {
    closeSync(this.#fd)
  }
}
