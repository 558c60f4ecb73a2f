// Where a system keeps its disk and the files of C: on this host. The owner of the folder makes sure that nothing else in it is touched;
// what the host refuses becomes one line with path and reason.
import { isSystemError } from '@dumpstack/bytes/node'
import { WindowsError } from '../errors.ts'
import type { HostFolder } from '../volume/host-folder.ts'

export interface SystemFolder extends HostFolder {
  /** Null where there is no such file. */
  byteLengthOf(name: string): number | null
  /** A file open to read and write: a new one, or the one that is there. */
  descriptorOf(name: string, isNew: boolean): number
  /** To be called before each write to it. Throws where this process may write no more. */
  checkWrite(): void
  /** Removes all at and below that name that was made through this folder, by this process or one before it. */
  removeMade(name: string): void
}

/** The same folder, whose refusals by the host are WindowsError HOST_FULL or HOST_REFUSED. */
export function onThisHost(folder: SystemFolder): SystemFolder {
  const at = <T>(name: string, action: () => T): T => onHost(folder.pathOf(name), action)
  return {
    create(name, byteLength, isProgram) {
      const file = at(name, () => folder.create(name, byteLength, isProgram))
      return { ...file, write: (offset, bytes) => at(name, () => file.write(offset, bytes)) }
    },
    open(name) {
      const source = at(name, () => folder.open(name))
      return {
        byteLength: source.byteLength,
        read: (offset, into) => at(name, () => source.read(offset, into)),
        close: () => source.close?.(),
      }
    },
    rename: (from, to) => at(to, () => folder.rename(from, to)),
    remove: (name) => at(name, () => folder.remove(name)),
    list: (name) => at(name, () => folder.list(name)),
    pathOf: (name) => folder.pathOf(name),
    byteLengthOf: (name) => at(name, () => folder.byteLengthOf(name)),
    descriptorOf: (name, isNew) => at(name, () => folder.descriptorOf(name, isNew)),
    checkWrite: () => folder.checkWrite(),
    removeMade: (name) => at(name, () => folder.removeMade(name)),
  }
}

/** Runs `action`; a refusal of the host becomes WindowsError HOST_FULL or HOST_REFUSED. */
export function onHost<T>(path: string, action: () => T): T {
  try {
    return action()
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    const { code } = cause
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
