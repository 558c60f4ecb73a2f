// The image of a module from a symbol path, by TimeDateStamp and SizeOfImage: what a dump does not hold of its code and
// unwind information is read from there.
import { defineStruct, hex, u32 } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { fileNameOf, imageKey } from '../store/store-key.ts'
import type { SymbolPathElement } from '../store/symbol-path.ts'
import { reasonOf, Search, type SymbolAttempt } from './search.ts'
import type { SymbolSession } from './symbol-session.ts'
import { walk } from './walk.ts'

export interface ImageRequest {
  readonly name: string
  readonly timeDateStamp: number
  readonly sizeOfImage: number
}
export interface LocatedImage {
  /** Where on this host, when it was found. */
  readonly path: string | null
  readonly attempts: readonly SymbolAttempt[]
}

const E_LFANEW = 0x3c
/** From the signature to SizeOfImage, which PE32 and PE32+ have at one offset (Microsoft's "PE Format"). */
const NtHeaders = defineStruct('IMAGE_NT_HEADERS', 0x54, {
  signature: u32(0),
  timeDateStamp: u32(8),
  sizeOfImage: u32(0x50),
})
const IMAGE_NT_SIGNATURE = 0x4550

export async function locateImage(
  request: ImageRequest,
  symbolPath: readonly SymbolPathElement[],
  session: SymbolSession,
  signal?: AbortSignal,
): Promise<LocatedImage> {
  const name = fileNameOf(request.name)
  const key = imageKey(request.timeDateStamp, request.sizeOfImage)
  const kind = name.slice(name.lastIndexOf('.') + 1)
  const search = new Search(
    {
      name,
      key,
      loosePaths: [[name], [kind, name], [name, key, name]],
      check: (file, shownAs) => Promise.resolve(checkImage(file, shownAs, request)),
    },
    session,
    signal,
  )
  return { path: await walk(search, symbolPath), attempts: search.attempts }
}

function checkImage(file: string, shownAs: string, wanted: ImageRequest): SymbolAttempt {
  const headers = readHeaders(file)
  if (typeof headers === 'string') return { place: shownAs, outcome: 'unreadable', text: headers }
  const { timeDateStamp, sizeOfImage } = headers
  if (timeDateStamp === wanted.timeDateStamp && sizeOfImage === wanted.sizeOfImage) {
    return { place: shownAs, outcome: 'found', text: `it is of ${written(wanted)}` }
  }
  const text = `mismatched: wanted ${written(wanted)}, found ${written({ timeDateStamp, sizeOfImage })}`
  return { place: shownAs, outcome: 'wrong-identity', text }
}

/** Or why it is no image. */
function readHeaders(file: string): { timeDateStamp: number; sizeOfImage: number } | string {
  let source: FileSource
  try {
    source = new FileSource(file)
  } catch (error) {
    return reasonOf(error)
  }
  try {
    const dos = new Uint8Array(E_LFANEW + 4)
    const raw = new Uint8Array(NtHeaders.size)
    const isLong = source.read(0, dos) === dos.byteLength
    const at = new DataView(dos.buffer).getUint32(E_LFANEW, true)
    const headers = NtHeaders.of(raw)
    if (!isLong || source.read(at, raw) < raw.byteLength || headers.signature !== IMAGE_NT_SIGNATURE) {
      return `no PE signature at offset ${hex(at)}: not an image`
    }
    return { timeDateStamp: headers.timeDateStamp, sizeOfImage: headers.sizeOfImage }
  } finally {
    source.close()
  }
}

const written = ({ timeDateStamp, sizeOfImage }: Omit<ImageRequest, 'name'>): string =>
  `timestamp ${hex(timeDateStamp)} size ${hex(sizeOfImage)}`
