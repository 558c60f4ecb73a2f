import { readFileSync } from 'node:fs'
import { gva } from '@dumpstack/bytes'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ImageError, mapPe, openMappedImage, parsePe, type ReadImage } from './index.ts'

const readOf =
  (memory: Uint8Array, isPresent: (page: number) => boolean = () => true): ReadImage =>
  (rva, into) => {
    let done = 0
    while (done < into.byteLength && rva + done < memory.byteLength && isPresent((rva + done) >>> 12)) {
      into[done] = memory[rva + done]!
      done++
    }
    return done
  }

describe.each(['ntkrnlmp.exe', 'crashtst.sys', 'storport.sys'])('%s as it lies in memory', (name) => {
  const file = parsePe(readFileSync(new URL(`../../../guest/bin/${name}`, import.meta.url)))
  const memory = mapPe(file, gva(0xfffff80312400000n))
  const image = openMappedImage(readOf(memory))

  it('says what its file says', () => {
    expect(image).toMatchObject({ sizeOfImage: file.sizeOfImage, timeDateStamp: file.timeDateStamp })
    expect(image.rsds()).toEqual(file.rsds)
    expect(image.exports().byName).toEqual(file.exports)
    for (const { rva, characteristics } of file.sections) {
      expect(image.isExecutable(rva)).toBe((characteristics & 0x20000000) !== 0)
    }
    for (const entry of file.runtimeFunctions) {
      expect(image.findFunction(entry.beginRva)).toEqual(entry)
      expect(image.findFunction(entry.endRva - 1)).toEqual(entry)
      expect(image.unwindInfo(entry.unwindRva)).toEqual(file.unwindInfo(entry.unwindRva))
    }
  })

  it('names what is not in memory', () => {
    const headersOnly = openMappedImage(readOf(memory, (page) => page === 0))
    expect(headersOnly.sizeOfImage).toBe(file.sizeOfImage)
    expect(() => headersOnly.rsds()).toThrow(/debug directory entry 0 at rva 0x[0-9a-f]+ is not in memory/)
    expect(() => headersOnly.findFunction(0x1000)).toThrow(/RUNTIME_FUNCTION \d+ at rva .* is not in memory/)
    expect(() => openMappedImage(() => 0)).toThrow(/DOS header at rva 0x0 is not in memory/)
  })

  it('raises only its own error on damaged memory', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(memory.length - 1), fc.nat(255)), { maxLength: 20 }),
        fc.nat(memory.length - 1),
        (edits, rva) => {
          const bytes = memory.slice()
          for (const [at, value] of edits) bytes[at < 40 ? at : at % 0x400] = value
          try {
            const damaged = openMappedImage(readOf(bytes))
            damaged.rsds()
            damaged.exports()
            damaged.findFunction(rva)
            damaged.unwindInfo(rva)
          } catch (error) {
            if (!(error instanceof ImageError)) throw error
          }
        },
      ),
      { numRuns: 60 },
    )
  })
})
