import { readSecondaryData } from '@dumpstack/dumpfile'
import type { Command } from '../command.ts'
import { dumpFile } from './dumpdebug.ts'

const SHOWN_BYTES = 64
const ROW = 16

export type SecondaryDataFact = {
  readonly kind: 'secondaryData'
  readonly tag: string
  /** In the file. */
  readonly offset: number
  readonly byteLength: number
  /** Its first bytes. */
  readonly first: readonly number[]
}

export const enumtag: Command<SecondaryDataFact> = {
  names: ['.enumtag'],
  help: {
    summary: 'list the secondary data of the dump',
    usage: ['.enumtag'],
    text:
      'Lists the blobs that drivers and the system added after the dump, each under a GUID: size, place in the file, and its first ' +
      'bytes.',
    follows:
      'learn.microsoft.com/windows-hardware/drivers/debuggercmds/-enumtag--enumerate-secondary-callback-data-; layout unverified',
  },
  async *facts(session) {
    const dump = dumpFile(session)
    for (const { tag, offset, byteLength } of readSecondaryData(dump)) {
      const bytes = new Uint8Array(Math.min(byteLength, SHOWN_BYTES))
      const first = [...bytes.subarray(0, dump.source.read(offset, bytes))]
      yield { kind: 'secondaryData', tag, offset, byteLength, first }
    }
  },
  print({ tag, offset, byteLength, first }, write) {
    write(`{${tag}} - 0x${byteLength.toString(16)} bytes at file offset 0x${offset.toString(16)}`)
    for (let at = 0; at < first.length; at += ROW) {
      const row = first.slice(at, at + ROW)
      const cells = row.map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()).join(' ')
      const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
      write(`  ${cells.padEnd(ROW * 3 - 1)}  ${text}`)
    }
  },
}
