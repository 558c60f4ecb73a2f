// Raw deflate with a preset history, from Node's zlib: what MSZIP blocks are made of.
import { inflateRawSync } from 'node:zlib'
import type { InflateRaw } from '../cab/mszip.ts'

export const inflateRaw: InflateRaw = (packed, dictionary, maxByteLength) =>
  inflateRawSync(packed, {
    maxOutputLength: maxByteLength,
    ...(dictionary.byteLength > 0 && { dictionary }),
  })
