// The guest kernel's structures, as its PDB has them, against the public symbols of the real kernel of build 19041 (an ISF
// table made from Microsoft's ntkrnlmp.pdb 5278AFF86C341677D7D7835C85B7B844): every field that we name is where it is there.
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { GUEST_BIN, hasTool, sharedData, toolOutput } from './tools.ts'

const PDBUTIL = 'llvm-pdbutil-16'
const isf = sharedData('isf/5278AFF86C341677D7D7835C85B7B844-1.json.xz')
const canRun = isf !== null && hasTool(PDBUTIL) && hasTool('xz')

interface Structure {
  readonly size: number
  /** Name to offset. */
  readonly fields: ReadonlyMap<string, number>
}

/** Structures and unions as `llvm-pdbutil dump --types` prints them; forward references are left out. */
function structuresOf(pdb: string): Map<string, Structure> {
  const lists = new Map<string, Map<string, number>>()
  const structures = new Map<string, Structure>()
  for (const record of toolOutput(PDBUTIL, ['dump', '--types', pdb]).split(/\n(?= +0x[0-9A-F]+ \|)/)) {
    const index = /^ *(0x[0-9A-F]+) \| LF_FIELDLIST/.exec(record)?.[1]
    if (index !== undefined) {
      const members = [...record.matchAll(/LF_MEMBER \[name = `(.*)`, .*offset = (\d+)/g)]
      lists.set(index, new Map(members.map((m) => [m[1]!, Number(m[2])])))
    }
    const type = /LF_(?:STRUCTURE|UNION) .*`(.*)`/.exec(record)?.[1]
    const list = /field list: (0x[0-9A-F]+)/.exec(record)?.[1]
    if (type !== undefined && list !== undefined) {
      structures.set(type, { size: Number(/sizeof (\d+)/.exec(record)![1]), fields: lists.get(list)! })
    }
  }
  return structures
}

interface IsfTable {
  readonly user_types: Record<string, { size: number; fields: Record<string, { offset: number }> }>
}

describe.skipIf(!canRun)(`guest types (needs ${PDBUTIL}, xz and shared/data/isf)`, () => {
  const read = (): { ours: Map<string, Structure>; real: IsfTable } => ({
    ours: structuresOf(path.join(GUEST_BIN, 'ntkrnlmp.pdb')),
    real: JSON.parse(toolOutput('xz', ['-dc', isf!])) as IsfTable, // volatility3's ISF schema 6
  })
  // What has no name there: our own padding, and the bytes that a shared tail leaves free.
  const isOurs = (field: string): boolean => /^Reserved[0-9A-F]+$|Fill$/.test(field)
  // Parameters.DeviceIoControl of IO_STACK_LOCATION is spelled out here; <unnamed> there.
  const FLATTENED = new Set(['OutputBufferLength', 'InputBufferLength', 'IoControlCode', 'Type3InputBuffer'])
  const INSIDE_TAIL = new Set(['_IRP.Thread', '_IRP.CurrentStackLocation'])

  it('have the sizes and field offsets of build 19041', () => {
    const { ours, real } = read()
    const differences: string[] = []
    let structures = 0
    let fields = 0
    for (const [name, structure] of ours) {
      const truth = real.user_types[name]
      if (truth === undefined) continue
      structures++
      if (structure.size !== truth.size)
        differences.push(`${name} has ${structure.size} bytes, not ${truth.size}`)
      for (const [field, offset] of structure.fields) {
        if (isOurs(field) || FLATTENED.has(field) || INSIDE_TAIL.has(`${name}.${field}`)) continue
        fields++
        const expected = truth.fields[field]?.offset
        if (offset !== expected) differences.push(`${name}.${field} is at ${offset}, not ${expected}`)
      }
    }
    expect(differences).toEqual([])
    expect(structures).toBeGreaterThan(40)
    expect(fields).toBeGreaterThan(600)
  })
})
