// What kd says while it looks along a symbol path: a line for each download, which counts on a terminal while bytes come, and
// a line for a server that is given up.
import type { SymbolSource } from '@dumpstack/debugger'
import type { SymbolEvent } from '@dumpstack/symbols/node'

/** Bytes between two counts on a terminal. */
const STEP_BYTES = 0x4_0000

export interface DownloadOutput {
  /** A line that stays. */
  tell(text: string): void
  /** The last line of a terminal, for now. */
  readonly progress: { show(text: string): void; clear(): void }
}

export function downloadLines({ tell, progress }: DownloadOutput): (event: SymbolEvent) => void {
  let shownBytes = 0
  return (event) => {
    if (event.kind === 'silent') {
      tell(`${event.host} is not asked again in this session: ${event.reason}`)
      return
    }
    const { byteLength, expectedBytes, state } = event
    const line = `${placeOf(event.address)}: ${grouped(byteLength)}`
    if (state !== 'running') {
      shownBytes = 0
      progress.clear()
      tell(`${line} bytes${state === 'failed' ? ', given up' : ''}`)
    } else if (byteLength === 0 || byteLength - shownBytes >= STEP_BYTES) {
      shownBytes = byteLength
      progress.show(`${line}${expectedBytes === null ? '' : ` of ${grouped(expectedBytes)}`} bytes`)
    }
  }
}

/** `ntkrnlmp.pdb from msdl.microsoft.com` */
function placeOf(address: string): string {
  const { host, pathname } = new URL(address) // one that was asked
  return `${decodeURIComponent(pathname.slice(pathname.lastIndexOf('/') + 1))} from ${host}`
}

const grouped = (count: number): string => count.toLocaleString('en-US')

/** The same source; until the answer a terminal shows what is looked for: a server may take its time. */
export function watchedSource(source: SymbolSource, progress: DownloadOutput['progress']): SymbolSource {
  const during = async <Answer>(what: string, answer: Promise<Answer>): Promise<Answer> => {
    progress.show(`looking for ${what}; Ctrl-C gives up`)
    try {
      return await answer
    } finally {
      progress.clear()
    }
  }
  return {
    get symbolPath() {
      return source.symbolPath
    },
    setSymbolPath: (symbolPath) => source.setSymbolPath(symbolPath),
    symbols: (request, signal) => during(`symbols of ${request.imageName}`, source.symbols(request, signal)),
    image: (request, signal) => during(request.imageName, source.image(request, signal)),
  }
}
