// Errors about crash dump files; every `code` is public.
import { DumpstackError } from '@dumpstack/bytes'

export class DumpError extends DumpstackError {}
