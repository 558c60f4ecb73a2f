import { describe, expect, it } from 'vitest'
import { parseKdOptions } from './kd-options.ts'

describe('the options of kd', () => {
  it('are those of the seed command, as they are', () => {
    const seed = ['-z', 'c:\\Windows\\MEMORY.DMP', '-y', 'SRV*C:\\Symbols*http://symbols.example']
    expect(parseKdOptions(seed, {})).toEqual({
      file: 'c:\\Windows\\MEMORY.DMP',
      symbolPath: 'SRV*C:\\Symbols*http://symbols.example',
      commands: null,
      log: null,
      json: false,
    })
  })

  it('take the symbol path of the environment where -y gives none', () => {
    const environment = { _NT_SYMBOL_PATH: 'C:\\S' }
    expect(parseKdOptions(['-z', 'x'], environment)?.symbolPath).toBe('C:\\S')
    expect(parseKdOptions(['-z', 'x', '-y', 'D:\\T'], environment)?.symbolPath).toBe('D:\\T')
    expect(parseKdOptions(['-z', 'x'], {})?.symbolPath).toBeNull()
  })

  it('begin with a dash or a slash', () => {
    expect(parseKdOptions(['/z', 'x', '-loga', 'l', '--json'], {})).toMatchObject({
      file: 'x',
      log: { file: 'l', append: true },
      json: true,
    })
    expect(parseKdOptions(['-?'], {})).toBeNull()
  })
})
