// The image of a module from a symbol path, by TimeDateStamp and SizeOfImage: what a dump does not hold of its code and
// unwind information is read from there.
import { type ByteSource, defineStruct, hex, MemorySource, u32 } from '@dumpstack/bytes'
import { FileSource } from '@dumpstack/bytes/node'
import { fileNameOf, imageKey } from '../store/store-key.ts'
import type { SymbolPathElement } from '../store/symbol-path.ts'
import { reasonOf, Search } from './search.ts'
import type { SymbolAttempt } from './symbol-attempt.ts'
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
const IMAGE_DOS_SIGNATURE = 0x5a4d
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
      check: (file, shownAs) => Promise.resolve(judge(readHeaders(file), shownAs, request)),
      checkHead: (head, _, shownAs) => checkHead(head, shownAs, request),
    },
    session,
    signal,
  )
  return { path: await walk(search, symbolPath), attempts: search.attempts }
}

type Headers = { readonly timeDateStamp: number; readonly sizeOfImage: number }

/** `found` is a text where a file is no image. */
function judge(found: Headers | string, shownAs: string, wanted: ImageRequest): SymbolAttempt {
  if (typeof found === 'string') return { place: shownAs, outcome: 'unreadable', text: found }
  if (found.timeDateStamp === wanted.timeDateStamp && found.sizeOfImage === wanted.sizeOfImage) {
    return { place: shownAs, outcome: 'found', text: `it is of ${written(wanted)}` }
  }
  const text = `mismatched: wanted ${written(wanted)}, found ${written(found)}`
  return { place: shownAs, outcome: 'wrong-identity', text }
}

/** Headers lie in the first block of an image, nearly always: where they do not, the whole file is judged. */
function checkHead(head: Uint8Array, shownAs: string, wanted: ImageRequest): SymbolAttempt | null {
  const found = headersOf(new MemorySource(head))
  if (found === null) return null
  const attempt = judge(found, shownAs, wanted)
  return attempt.outcome === 'found' ? null : attempt
}

function readHeaders(file: string): Headers | string {
  let source: FileSource
  try {
    source = new FileSource(file)
  } catch (error) {
    return reasonOf(error)
  }
  try {
    return headersOf(source) ?? 'it ends before the PE headers: not an image'
  } finally {
    source.close()
  }
}

/** Or why it is no image; null where the headers lie after the end of `source`. */
function headersOf(source: ByteSource): Headers | string | null {
  const dos = new Uint8Array(E_LFANEW + 4)
  if (source.read(0, dos) < dos.byteLength) return null
  const view = new DataView(dos.buffer)
  if (view.getUint16(0, true) !== IMAGE_DOS_SIGNATURE) return 'no DOS signature at offset 0x0: not an image'
  const at = view.getUint32(E_LFANEW, true)
  const raw = new Uint8Array(NtHeaders.size)
  if (source.read(at, raw) < raw.byteLength) return null
  const { signature, timeDateStamp, sizeOfImage } = NtHeaders.of(raw)
  return signature === IMAGE_NT_SIGNATURE
    ? { timeDateStamp, sizeOfImage }
    : `no PE signature at offset ${hex(at)}: not an image`
}

const written = ({ timeDateStamp, sizeOfImage }: Omit<ImageRequest, 'name'>): string =>
  `timestamp ${hex(timeDateStamp)} size ${hex(sizeOfImage)}`
