// A symbol path that leads nowhere.
import type { SymbolSource } from '@dumpstack/debugger'

export const NO_SYMBOLS: SymbolSource = {
  symbolPath: '',
  setSymbolPath() {},
  symbols: () => Promise.resolve({ file: null, why: ['the symbol path is empty'] }),
  image: () => Promise.resolve(null),
}
