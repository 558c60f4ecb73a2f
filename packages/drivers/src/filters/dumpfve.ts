// dumpfve, the dump filter of BitLocker, on a volume that is not encrypted: it is loaded all the same and lets every write pass.
import { DUMP_FILTER_MAJOR_VERSION, FilterInitializationDataLayout, STATUS_SUCCESS } from '@dumpstack/nt'
import type { DumpFilterImage } from '../dump-filter.ts'

export const dumpfve: DumpFilterImage = {
  fileName: 'dumpfve.sys',
  symbolPrefix: 'DumpFve',
  load: () => (_filterExtension, initializationData) => {
    FilterInitializationDataLayout.at(initializationData.view).majorVersion = DUMP_FILTER_MAJOR_VERSION
    return {
      status: STATUS_SUCCESS,
      callbacks: {
        dumpStart: () => STATUS_SUCCESS,
        dumpWrite: () => STATUS_SUCCESS,
        dumpFinish: () => STATUS_SUCCESS,
        dumpUnload: () => STATUS_SUCCESS,
      },
    }
  },
}
