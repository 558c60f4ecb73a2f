// The base of every error that Dumpstack raises on purpose: a public code, the facts, one line of text.

export type ErrorFields = Readonly<Record<string, string | number | bigint | undefined>>

/** Each room derives its own class from this one; `code` is public and documented in docs/errors.md. */
export class DumpstackError extends Error {
  readonly code: string
  readonly fields: ErrorFields

  constructor(code: string, message: string, fields: ErrorFields = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.fields = fields
  }
}
