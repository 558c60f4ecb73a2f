// The files of --ram and --ram-before: RAM that a hypervisor wrote. What is none of the two formats that are read is wrong use.
import type { PhysicalSpace } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { DumpError, openGuestMemory } from '@dumpstack/dumpfile'
import { readNamed } from '../files/named-input.ts'
import { UsageError } from '../program/usage-error.ts'

/** As the command line names them. */
export interface RamFiles {
  readonly ram: string
  readonly before: string | null
}

export interface OpenedRam {
  readonly spaces: readonly [PhysicalSpace, PhysicalSpace?]
  close(): void
}

/** Reads headers only. Throws UsageError for a file that is not there or not of a format that is read. */
export function openRam({ ram, before }: RamFiles): OpenedRam {
  const sources: FileSource[] = []
  const close = (): void => {
    for (const source of sources) source.close()
  }
  const open = (option: string, file: string): PhysicalSpace => {
    const source = readNamed(file, () => new FileSource(file))
    sources.push(source)
    try {
      return openGuestMemory(source)
    } catch (error) {
      if (!(error instanceof DumpError)) throw error
      throw new UsageError(`${option} ${file}: ${error.message}`, { cause: error })
    }
  }
  try {
    const first = open('--ram', ram)
    return { spaces: before === null ? [first] : [first, open('--ram-before', before)], close }
  } catch (error) {
    close()
    throw error
  }
}
