// What this room raises: a symbol file, store or path that is damaged, or one of a kind that it does not read.
import { DumpstackError } from '@dumpstack/bytes'

export class SymbolsError extends DumpstackError {}
