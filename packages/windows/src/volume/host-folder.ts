// Where files of C: keep their bytes: a folder of the host, behind an interface, so that the core does no I/O.
import { type ByteSource, MemorySource } from '@dumpstack/bytes'
import { WindowsError } from '../errors.ts'

export interface HostFile {
  write(offset: number, bytes: Uint8Array): void
  close(): void
}

/** The run folder of the host. Names are relative, with forward slashes: `C/Windows/MEMORY.DMP`. Throws WindowsError HOST_FULL, HOST_REFUSED. */
export interface HostFolder {
  /** A new file of that size, which the host may run where it is a program; makes missing folders and replaces a file of the same name. */
  create(name: string, byteLength: number, isProgram?: boolean): HostFile
  open(name: string): ByteSource
  rename(from: string, to: string): void
  /** Removes what may not be there. */
  remove(name: string): void
  /** All files below the folder `name`; none where it is not there. */
  list(name: string): readonly string[]
  /** As the host's own programs name it. */
  pathOf(name: string): string
}

/** `C:\Windows\MEMORY.DMP` lies in `C/Windows/MEMORY.DMP`. */
export const hostNameOf = (path: string): string => path.replace(':', '').replaceAll('\\', '/')

const COPY_BYTES = 256 * 1024

export function copyHostFile(host: HostFolder, from: string, to: string): void {
  const source = host.open(from)
  const file = host.create(to, source.byteLength)
  try {
    const buffer = new Uint8Array(COPY_BYTES)
    for (let at = 0; at < source.byteLength; ) {
      const length = source.read(at, buffer)
      file.write(at, buffer.subarray(0, length))
      at += length
    }
  } finally {
    file.close()
    source.close?.()
  }
}

/** For tests and for hosts without a file system. */
export class MemoryHostFolder implements HostFolder {
  readonly #files = new Map<string, Uint8Array>()

  get names(): readonly string[] {
    return [...this.#files.keys()]
  }

  create(name: string, byteLength: number): HostFile {
    const bytes = new Uint8Array(byteLength)
    this.#files.set(name, bytes)
    return { write: (offset, part) => bytes.set(part, offset), close: () => {} }
  }

  open(name: string): ByteSource {
    return new MemorySource(this.#existing(name))
  }

  rename(from: string, to: string): void {
    this.#files.set(to, this.#existing(from))
    this.#files.delete(from)
  }

  remove(name: string): void {
    this.#files.delete(name)
  }

  list(name: string): readonly string[] {
    return this.names.filter((file) => file.startsWith(`${name}/`))
  }

  pathOf(name: string): string {
    return name
  }

  #existing(name: string): Uint8Array {
    const bytes = this.#files.get(name)
    if (bytes === undefined)
      throw new WindowsError('HOST_REFUSED', `${name} does not exist in the host folder`)
    return bytes
  }
}
