// A type record as a few lines of text: from what llvm-pdbutil prints of it, and from what our reader says of it.
import type { Field, PdbFile } from '@dumpstack/symbols'

type Types = PdbFile['types']

/** As llvm-pdbutil writes a type index. */
export const hex = (value: number): string => `0x${value.toString(16).toUpperCase().padStart(4, '0')}`
const typeOf = (text: string): string =>
  text.startsWith('<no type>') ? hex(0) : /0x[0-9A-F]+/.exec(text)![0]

/** Attributes, conventions and layouts of tables of virtual functions are left out: Dumpstack does not read them. */
export function theirLines(leaf: string, name: string, text: string): string[] {
  const field = (label: string): string =>
    typeOf(new RegExp(`${label} ?[=:] (<no type>|0x\\w+)`).exec(text)![1]!)
  const number = (label: string): string => new RegExp(`${label} ?[=:]? ?(-?\\d+)`).exec(text)![1]!
  switch (leaf) {
    case 'LF_POINTER': {
      // Its kind, not the size: pointers to members are larger.
      const kind = /kind = (\w+)/.exec(text)![1]!
      const size = /mode = [^,]*member/.test(text) ? 'to member' : { ptr64: '8', ptr32: '4' }[kind]
      return [`pointer ${field('referent')} ${size}`]
    }
    case 'LF_MODIFIER':
      return [`modifier ${field('referent')}`]
    case 'LF_PROCEDURE':
    case 'LF_MFUNCTION':
      return ['function']
    case 'LF_ARRAY':
      return [`array ${field('element type')} ${number('size:')}`]
    case 'LF_BITFIELD':
      return [`bitfield ${field('type')} ${number('bit offset')} ${number('# bits')}`]
    case 'LF_CLASS':
    case 'LF_STRUCTURE':
    case 'LF_UNION':
    case 'LF_ENUM': {
      const kind = { LF_CLASS: 'class', LF_STRUCTURE: 'struct', LF_UNION: 'union', LF_ENUM: 'enum' }[leaf]
      const unique = /unique name: `(.*)`/.exec(text)?.[1] ?? null
      // Where it finds no definition it says only that this is none.
      const forward = /forward ref \((?:->|<-) (0x\w+)\)/.exec(text)?.[1]
      const definition = forward ?? (text.includes('forward ref') ? 'none' : 'itself')
      const size = leaf === 'LF_ENUM' ? `of ${field('underlying type')}` : `size ${number('sizeof')}`
      return [`${kind} ${name} ${unique} ${size} fields ${field('field list')} definition ${definition}`]
    }
    case 'LF_FIELDLIST':
      return text.split(/^ +- /m).slice(1).map(theirField)
    default:
      return []
  }
}

function theirField(text: string): string {
  const leaf = /^LF_\w+/.exec(text)![0]
  const name = /name = `(.*?)`(?=[,\]])/.exec(text)?.[1]
  const type = (label: string): string => typeOf(new RegExp(`\\b${label} = (0x\\w+)`).exec(text)![1]!)
  switch (leaf) {
    case 'LF_MEMBER':
      return `member ${name} ${type('Type')} ${/offset = (\d+)/.exec(text)![1]}`
    case 'LF_STMEMBER':
      return `static ${name} ${type('type')}`
    case 'LF_NESTTYPE':
      return `nested ${name} ${type('parent')}`
    case 'LF_METHOD':
      return `methods ${name} ${type('overload list')} ${/overloads = (\d+)/.exec(text)![1]}`
    case 'LF_ONEMETHOD':
      return `method ${name} ${type('type')}`
    case 'LF_BCLASS':
      return `base ${type('type')} ${/offset = (\d+)/.exec(text)![1]}`
    case 'LF_VBCLASS':
    case 'LF_IVBCLASS':
      return `virtual base ${type('base')} ${/vbptr offset = (\d+)/.exec(text)![1]} ${/vtable index = (\d+)/.exec(text)![1]}`
    case 'LF_VFUNCTAB':
      return `virtual table ${type('type')}`
    case 'LF_ENUMERATE': {
      const [, label, value] = /\[(.*) = (-?\d+)\]/.exec(text)!
      return `value ${label} ${value}`
    }
    case 'LF_INDEX':
      return `continued ${typeOf(text)}`
    default:
      throw new Error(`${leaf} is not among the fields that this test knows`)
  }
}

export function ourLines(types: Types, index: number): string[] {
  const record = types.records.at(index)
  switch (record.leaf) {
    case 0x1001: {
      // A modifier shows through: what it refers to is what is resolved.
      const { stream } = types.records
      return [`modifier ${hex(stream.u32(record.offset + 4, 'type'))}`]
    }
    case 0x1203:
      return [...types.fields(index)].map(ourField)
    case 0x1504:
    case 0x1505:
    case 0x1506:
    case 0x1507:
    case 0x1519: {
      const type = types.userTypeAt(index)!
      const size = type.kind === 'enum' ? `of ${hex(type.underlyingType)}` : `size ${type.size}`
      const other = types.definitionOf(type)
      const definition = !type.isForwardReference ? 'itself' : other === type ? 'none' : hex(other.index)
      return [
        `${type.kind} ${type.name} ${type.uniqueName} ${size} fields ${hex(type.fieldList)} definition ${definition}`,
      ]
    }
    case 0x1002:
    case 0x1008:
    case 0x1009:
    case 0x1205:
    case 0x1503: {
      const type = types.resolve(index)
      if (type.kind === 'pointer') {
        const mode = (types.records.stream.u32(record.offset + 8, 'attributes') >>> 5) & 7
        return [`pointer ${hex(Number(type.target))} ${mode === 2 || mode === 3 ? 'to member' : type.size}`]
      }
      if (type.kind === 'array') return [`array ${hex(Number(type.element))} ${type.size}`]
      if (type.kind === 'bitfield')
        return [`bitfield ${hex(Number(type.base))} ${type.position} ${type.length}`]
      return [type.kind]
    }
    default:
      return []
  }
}

function ourField(field: Field): string {
  switch (field.kind) {
    case 'member':
      return `member ${field.name} ${hex(field.type)} ${field.offset}`
    case 'methods':
      return `methods ${field.name} ${hex(field.methodList)} ${field.count}`
    case 'base':
      return `base ${hex(field.type)} ${field.offset}`
    case 'virtualBase':
      return `virtual base ${hex(field.type)} ${field.tableOffset} ${field.slot}`
    case 'virtualTable':
      return `virtual table ${hex(field.type)}`
    case 'value':
      return `value ${field.name} ${field.value}`
    default:
      return `${field.kind} ${field.name} ${hex(field.type)}`
  }
}
