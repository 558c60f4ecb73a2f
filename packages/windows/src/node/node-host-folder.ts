// The files of C: in a folder of the host's file system. Host errors become one line with path and reason.
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { ByteSource } from '@dumpstack/bytes'
import { WindowsError } from '../errors.ts'
import type { HostFile, HostFolder } from '../volume/host-folder.ts'

export class NodeHostFolder implements HostFolder {
  readonly #root: string

  constructor(root: string) {
    this.#root = root
  }

  create(name: string, _byteLength: number, isProgram = false): HostFile {
    const path = this.pathOf(name)
    return onHost(path, () => {
      mkdirSync(dirname(path), { recursive: true })
      const file = openSync(path, 'w', isProgram ? 0o777 : 0o666)
      return {
        write: (offset, bytes) => {
          onHost(path, () => {
            for (let done = 0; done < bytes.byteLength; ) {
              done += writeSync(file, bytes, done, bytes.byteLength - done, offset + done)
            }
          })
        },
        close: () => closeSync(file),
      }
    })
  }

  open(name: string): ByteSource {
    const path = this.pathOf(name)
    return onHost(path, () => {
      const file = openSync(path, 'r')
      return {
        byteLength: fstatSync(file).size,
        read: (offset, into) => onHost(path, () => readSync(file, into, 0, into.byteLength, offset)),
        close: () => closeSync(file),
      }
    })
  }

  rename(from: string, to: string): void {
    const path = this.pathOf(to)
    onHost(path, () => {
      mkdirSync(dirname(path), { recursive: true })
      renameSync(this.pathOf(from), path)
    })
  }

  remove(name: string): void {
    const path = this.pathOf(name)
    onHost(path, () => rmSync(path, { force: true }))
  }

  list(name: string): readonly string[] {
    const path = this.pathOf(name)
    if (!existsSync(path)) return []
    return onHost(path, () =>
      readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
        const inside = `${name}/${entry.name}`
        return entry.isDirectory() ? this.list(inside) : [inside]
      }),
    )
  }

  /** A name from a damaged state must not lead out of the folder. */
  pathOf(name: string): string {
    if (name.split(/[\\/]/).includes('..')) {
      throw new WindowsError('HOST_REFUSED', `${name} leads out of the folder ${this.#root}`, { name })
    }
    return join(this.#root, name)
  }
}

/** Runs `action`; a refusal of the host becomes WindowsError HOST_FULL or HOST_REFUSED. */
export function onHost<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (cause) {
    if (cause instanceof WindowsError || !(cause instanceof Error)) throw cause
    const code = 'code' in cause ? String(cause.code) : cause.message
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
      throw new WindowsError(
        'HOST_FULL',
        `${path}: the host's file system is full (${code})`,
        { path },
        { cause },
      )
    }
    throw new WindowsError(
      'HOST_REFUSED',
      `${path}: the host's file system refuses it (${code})`,
      { path },
      { cause },
    )
  }
}
