// A type as `dt` of the debuggers writes it: `Uint4B`, `Ptr64 _LIST_ENTRY`, `[16] UChar`, `Pos 3, 1 Bit`
// (Microsoft "dt (Display Type)").
import { SymbolsError } from './errors.ts'
import type { SymbolFile, SymbolType, TypeRef } from './symbol-file.ts'

/** Pointers to arrays of pointers ...: no program has a type deeper than this. */
const MAX_DEPTH = 64

export function typeText(file: SymbolFile, ref: TypeRef): string {
  let text = ''
  let type = file.resolve(ref)
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    switch (type.kind) {
      case 'base':
        return text + baseText(type)
      case 'pointer':
        text += `Ptr${type.size * 8} `
        type = file.resolve(type.target)
        break
      case 'array':
        text += `[${type.count}] `
        type = file.resolve(type.element)
        break
      case 'bitfield':
        return `${text}Pos ${type.position}, ${type.length} Bit${type.length === 1 ? '' : 's'}`
      case 'function':
        if (type.returns === undefined) return `${text}    function`
        text += '    '
        type = file.resolve(type.returns)
        // The only place where dt writes a base type as the language does.
        if (type.kind === 'base') return text + type.name
        break
      default:
        return text + type.name
    }
  }
  throw new SymbolsError(
    'SYMBOLS_DAMAGED',
    `type ${ref} of ${file.origin} refers to others more than ${MAX_DEPTH} times over`,
    {
      ref,
    },
  )
}

function baseText({ encoding, size, name }: Extract<SymbolType, { kind: 'base' }>): string {
  switch (encoding) {
    case 'void':
      return 'Void'
    case 'bool':
      return 'Bool'
    case 'float':
      return size === 4 ? 'Float' : size === 8 ? 'Double' : name
    case 'char':
      return size === 1 ? 'Char' : size === 2 ? 'Wchar' : name
    case 'int':
      return size === 1 ? 'Char' : `Int${size}B`
    case 'uint':
      return size === 1 ? 'UChar' : `Uint${size}B`
  }
}
