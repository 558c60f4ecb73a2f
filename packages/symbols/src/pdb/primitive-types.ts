// Type indices below 0x1000: a kind in the low byte, and in bits 8 to 11 whether it is the type or a pointer to it.
import { hex } from '@dumpstack/bytes'
import { SymbolsError } from '../errors.ts'
import type { SymbolType } from '../symbol-file.ts'

type Primitive = Extract<SymbolType, { kind: 'base' }>
type Encoding = Primitive['encoding']

const PRIMITIVES: ReadonlyMap<number, readonly [name: string, size: number, encoding: Encoding]> = new Map([
  [0x00, ['<no type>', 0, 'void']],
  [0x03, ['void', 0, 'void']],
  [0x07, ['<not translated>', 0, 'void']],
  [0x08, ['HRESULT', 4, 'int']],
  [0x10, ['signed char', 1, 'int']],
  [0x11, ['short', 2, 'int']],
  [0x12, ['long', 4, 'int']],
  [0x13, ['__int64', 8, 'int']],
  [0x14, ['__int128', 16, 'int']],
  [0x20, ['unsigned char', 1, 'uint']],
  [0x21, ['unsigned short', 2, 'uint']],
  [0x22, ['unsigned long', 4, 'uint']],
  [0x23, ['unsigned __int64', 8, 'uint']],
  [0x24, ['unsigned __int128', 16, 'uint']],
  [0x30, ['bool', 1, 'bool']],
  [0x31, ['__bool16', 2, 'bool']],
  [0x32, ['__bool32', 4, 'bool']],
  [0x33, ['__bool64', 8, 'bool']],
  [0x40, ['float', 4, 'float']],
  [0x41, ['double', 8, 'float']],
  [0x42, ['long double', 10, 'float']],
  [0x43, ['__float128', 16, 'float']],
  [0x44, ['__float48', 6, 'float']],
  [0x46, ['__half', 2, 'float']],
  [0x68, ['__int8', 1, 'int']],
  [0x69, ['unsigned __int8', 1, 'uint']],
  [0x70, ['char', 1, 'char']],
  [0x71, ['wchar_t', 2, 'char']],
  [0x72, ['__int16', 2, 'int']],
  [0x73, ['unsigned __int16', 2, 'uint']],
  [0x74, ['int', 4, 'int']],
  [0x75, ['unsigned', 4, 'uint']],
  [0x76, ['__int64', 8, 'int']],
  [0x77, ['unsigned __int64', 8, 'uint']],
  [0x78, ['__int128', 16, 'int']],
  [0x79, ['unsigned __int128', 16, 'uint']],
  [0x7a, ['char16_t', 2, 'char']],
  [0x7b, ['char32_t', 4, 'char']],
  [0x7c, ['char8_t', 1, 'char']],
])
/** By mode; 0 is the type itself. 1 to 3 and 5 are of 16-bit and segmented code. */
const POINTER_BYTES: readonly number[] = [0, 2, 4, 4, 4, 6, 8, 16]
/** `std::nullptr_t`: a near pointer to void that no 32-bit code has. */
const NULLPTR = 0x103

export function primitive(index: number): Extract<SymbolType, { kind: 'base' | 'pointer' }> {
  if (index === NULLPTR) return { kind: 'base', name: 'std::nullptr_t', size: 8, encoding: 'void' }
  const mode = (index >>> 8) & 0xf
  const found = PRIMITIVES.get(index & 0xff)
  const pointerSize = POINTER_BYTES[mode]
  if (found === undefined || pointerSize === undefined) {
    throw new SymbolsError(
      'SYMBOLS_UNSUPPORTED',
      `type index ${hex(index)} is a primitive that is not known`,
      {
        index,
      },
    )
  }
  if (mode !== 0) return { kind: 'pointer', size: pointerSize, target: index & 0xff }
  const [name, size, encoding] = found
  return { kind: 'base', name, size, encoding }
}
