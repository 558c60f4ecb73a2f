// The files that `dumpstack check` is given: driver files, and folders of them.
import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { readNamed } from '../files/named-input.ts'
import { UsageError } from '../program/usage-error.ts'

/**
 * Each file as it was named, and each .sys file below a folder in the order of their names; links are not followed below it. One that
 * is named twice is checked once. Throws UsageError for what is absent, and for a folder without any.
 */
export function driverFiles(given: readonly string[]): readonly string[] {
  return [...new Set(given.flatMap((place) => (isFolder(place) ? filesBelow(place) : [place])))]
}

const isFolder = (place: string): boolean => readNamed(place, () => statSync(place).isDirectory())

function filesBelow(folder: string): string[] {
  const entries = readNamed(folder, () => readdirSync(folder, { recursive: true, withFileTypes: true }))
  const files = entries
    .filter((entry) => entry.isFile() && /\.sys$/i.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
  if (files.length === 0) throw new UsageError(`${folder} has no .sys file, expected at least one`)
  return files
}
