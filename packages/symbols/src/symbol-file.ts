// What a symbol file answers, whatever its kind: a PDB or an ISF table. Addresses are RVAs of the image.

/** GUID without dashes, upper case, and DBI age: the key of a symbol store. */
export interface SymbolIdentity {
  readonly guid: string
  readonly age: number
}

export interface NamedSymbol {
  readonly name: string
  readonly rva: number
  readonly kind: 'public' | 'function' | 'data'
}
export interface NearSymbol extends NamedSymbol {
  /** Bytes from the symbol to the address asked for. */
  readonly displacement: number
}
export interface SourceLine {
  readonly file: string
  readonly line: number
  readonly displacement: number
}
/** Registers by the names that debuggers use: `rcx`, `dl`. */
export type LocalPlace =
  | { readonly kind: 'register'; readonly register: string }
  /** In memory, so many bytes above the register's value. */
  | { readonly kind: 'memory'; readonly register: string; readonly offset: number }

export interface LocalVariable {
  readonly name: string
  readonly typeName: string
  readonly type: TypeRef
  readonly isParameter: boolean
  /** Null where it is nowhere as a whole while the code at the address that was asked for runs: optimised away, in parts, or not described. */
  readonly place: LocalPlace | null
}
export interface Procedure {
  readonly name: string
  readonly rva: number
  readonly byteLength: number
  readonly locals: readonly LocalVariable[]
}

/** Types as a debugger shows them. `size` in bytes; references are resolved by `resolve`, one level at a time. */
export type SymbolType =
  | {
      readonly kind: 'base'
      readonly name: string
      readonly size: number
      readonly encoding: 'int' | 'uint' | 'float' | 'bool' | 'char' | 'void'
    }
  | { readonly kind: 'pointer'; readonly size: number; readonly target: TypeRef }
  | { readonly kind: 'array'; readonly size: number; readonly element: TypeRef; readonly count: number }
  | {
      readonly kind: 'bitfield'
      readonly size: number
      readonly base: TypeRef
      readonly position: number
      readonly length: number
    }
  | {
      readonly kind: 'enum'
      readonly name: string
      readonly size: number
      readonly base: TypeRef
      readonly values: readonly { readonly name: string; readonly value: bigint }[]
    }
  | {
      readonly kind: 'struct' | 'union' | 'class'
      readonly name: string
      readonly size: number
      readonly fields: readonly TypeField[]
    }
  | {
      readonly kind: 'function'
      readonly size: number
      /** What it returns, where the file says. */
      readonly returns?: TypeRef
    }
/** Opaque to all but the file that gave it. */
export type TypeRef = number | string
export interface TypeField {
  readonly name: string
  readonly offset: number
  readonly type: TypeRef
  /** A base class: its own fields are members too, at `offset` plus theirs. */
  readonly isBase?: true
}

/** Where a section of an image is loaded; those of an image stand in the order of its section headers. */
export interface ImageSection {
  readonly rva: number
}

export interface SymbolFile {
  readonly kind: 'pdb' | 'isf'
  /** Where it came from, for messages. */
  readonly origin: string
  readonly identity: SymbolIdentity
  /** The nearest symbol at or below an address; null below the first. Does not parse types. */
  near(rva: number): NearSymbol | null
  byName(name: string): NamedSymbol | null
  /** All symbols, for patterns and counts. */
  symbols(): Iterable<NamedSymbol>
  procedureAt(rva: number): Procedure | null
  lineAt(rva: number): SourceLine | null
  typeByName(name: string): SymbolType | null
  typeNames(): Iterable<string>
  resolve(type: TypeRef): SymbolType
  /** Says which records of types are of kinds that are not read, so that a type may be missing; null where all are read. */
  missingTypes(): string | null
  /** Whether it knows where the sections of the image are, without which its names have no addresses. */
  readonly hasSections: boolean
  /** Those of the image, for a file without; ignored by one that has its own. */
  useSections(sections: readonly ImageSection[]): void
}
