// Errors of the debugger; every `code` is public. A command shows the message and the session goes on.
import { DumpstackError } from '@dumpstack/bytes'

export class DebuggerError extends DumpstackError {}
