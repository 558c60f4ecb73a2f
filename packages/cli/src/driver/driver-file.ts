// A .sys file and its PDB as the command line takes them: what the file is, and names for places in its code.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { FileSource } from '@dumpstack/bytes/node'
import { MAX_SYS_FILE_BYTES, openSysFile, type SymbolNames, type SysFile } from '@dumpstack/drivers'
import { PdbFile, SymbolsError } from '@dumpstack/symbols'
import type { DriverFileOptions } from '@dumpstack/windows/node'
import { readBeginning, readNamed } from '../files/named-input.ts'
import { UsageError } from '../program/usage-error.ts'

export interface OpenedDriver extends DriverFileOptions {
  /** Names come from the PDB as long as it is open. */
  close(): void
}

/** Throws UsageError for a named PDB that is none, or of another driver, DriversError or ImageError for a file that is no driver, FileError for a path that is no file. */
export function openDriver(file: string, pdb: string | null): OpenedDriver {
  const bytes = readBeginning(file, MAX_SYS_FILE_BYTES + 1) // one byte too many is enough to refuse it
  const sys = openSysFile(path.basename(file), bytes)
  const symbols = openPdb(sys, pdb ?? besideOf(file), pdb !== null)
  const { rsds } = sys.image
  return {
    file: sys,
    names: symbols === null ? { nameAt: () => null } : namesOf(symbols.pdb),
    description: {
      fileName: sys.fileName,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      byteLength: bytes.byteLength,
      executed: true,
      pdb: rsds && {
        name: rsds.path.slice(rsds.path.lastIndexOf('\\') + 1),
        identity: identityOf(rsds),
        found: symbols !== null,
      },
    },
    close: () => symbols?.close(),
  }
}

const identityOf = ({ guid, age }: { readonly guid: string; readonly age: number }): string =>
  `${guid}${age.toString(16).toUpperCase()}`

/** The PDB that a build leaves beside its driver; null where there is none. */
export function besideOf(file: string): string | null {
  const beside = `${file.slice(0, file.length - path.extname(file).length)}.pdb`
  return existsSync(beside) ? beside : null
}

/** A PDB that lies beside the file and belongs to another build is no error, a named one is. */
function openPdb(
  { fileName, image }: SysFile,
  pdb: string | null,
  isNamed: boolean,
): { pdb: PdbFile; close(): void } | null {
  if (pdb === null) return null
  const source = readNamed(pdb, () => new FileSource(pdb))
  try {
    const opened = new PdbFile(source, pdb)
    const { rsds } = image
    const found = identityOf(opened.identity)
    // The age in an image counts links, that in the PDB writes: the GUID decides.
    if (rsds !== null && opened.identity.guid === rsds.guid) {
      opened.useSections(image.sections)
      return { pdb: opened, close: () => source.close() }
    }
    const wanted = rsds === null ? 'names no PDB' : `was built with ${identityOf(rsds)}`
    if (isNamed) throw new UsageError(`--pdb ${pdb} is ${found}, but ${fileName} ${wanted}`)
  } catch (error) {
    source.close()
    if (!(error instanceof SymbolsError)) throw error
    if (isNamed) throw new UsageError(`--pdb: ${error.message}`)
    return null
  }
  source.close()
  return null
}

function namesOf(pdb: PdbFile): SymbolNames {
  return {
    nameAt: (rva) => {
      const near = unlessDamaged(() => pdb.near(rva))
      if (near === null) return null
      return near.displacement === 0 ? near.name : `${near.name}+0x${near.displacement.toString(16)}`
    },
    lineAt: (rva) => {
      const row = unlessDamaged(() => pdb.lineAt(rva))
      return row === null || row.line === 0 ? null : { file: row.file, line: row.line }
    },
  }
}

/** Names are for people: a damaged table costs the name, not the run. */
function unlessDamaged<T>(read: () => T): T | null {
  try {
    return read()
  } catch (error) {
    if (error instanceof SymbolsError) return null
    throw error
  }
}
