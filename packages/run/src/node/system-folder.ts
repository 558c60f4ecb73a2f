// What the system of a run keeps on this host, in the place of one variant: its disk and the files of C:. It goes through the folder's list like
// everything else. The room of the system declares what it needs of this.
import { closeSync } from 'node:fs'
import type { ByteSource } from '@dumpstack/bytes'
import { inVariant } from '../variant-name.ts'
import type { LeftEntry, OwnedFolder } from './owned-folder.ts'

export class SystemFolder {
  readonly #owned: OwnedFolder
  readonly #variant: string | null

  constructor(owned: OwnedFolder, variant: string | null = null) {
    this.#owned = owned
    this.#variant = variant
  }

  create(
    name: string,
    _byteLength: number,
    isProgram = false,
  ): { write(offset: number, bytes: Uint8Array): void; close(): void } {
    const fd = this.#owned.create(this.#in(name), isProgram ? 0o777 : 0o666)
    return { write: (offset, bytes) => this.#owned.write(fd, bytes, offset), close: () => closeSync(fd) }
  }

  open(name: string): ByteSource {
    return this.#owned.source(this.#in(name))
  }

  rename(from: string, to: string): void {
    this.#owned.rename(this.#in(from), this.#in(to))
  }

  remove(name: string): void {
    this.#owned.remove(this.#in(name))
  }

  list(name: string): readonly string[] {
    const prefix = this.#in('').length
    return this.#owned.madeFiles(this.#in(name)).map((file) => file.slice(prefix))
  }

  pathOf(name: string): string {
    return this.#owned.pathOf(this.#in(name))
  }

  byteLengthOf(name: string): number | null {
    return this.#owned.byteLengthOf(this.#in(name))
  }

  /** Open to read and write: a new file, or the one that is there. */
  descriptorOf(name: string, isNew: boolean): number {
    return isNew ? this.#owned.create(this.#in(name)) : this.#owned.openToUpdate(this.#in(name))
  }

  checkWrite(): void {
    this.#owned.checkWrite()
  }

  /** All at and below that name that the run made. */
  removeMade(name: string): readonly LeftEntry[] {
    return this.#owned.removeMade(this.#in(name))
  }

  #in(name: string): string {
    return inVariant(this.#variant, name)
  }
}
