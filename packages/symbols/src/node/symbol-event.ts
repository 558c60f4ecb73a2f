// What a search along a symbol path tells while it goes on: downloads with their bytes, and servers that are left alone.

export type SymbolEvent =
  | {
      readonly kind: 'download'
      readonly address: string
      readonly byteLength: number
      /** Where the server says it. */
      readonly expectedBytes: number | null
      /** The first `running` comes with the head of the answer; `complete` or `failed` is the last. */
      readonly state: 'running' | 'complete' | 'failed'
    }
  /** Told once: the host did not answer in time, and is not asked again in the session. */
  | { readonly kind: 'silent'; readonly host: string; readonly reason: string }
