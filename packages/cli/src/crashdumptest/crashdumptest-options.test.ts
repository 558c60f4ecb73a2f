import { expect, it } from 'vitest'
import { parseCrashdumptest } from './crashdumptest-options.ts'

const MIB = 2 ** 20

// covers: KIT-90, KIT-91, KIT-92
it('reads the command lines of the kit', () => {
  expect(parseCrashdumptest(['-c'])).toEqual({ step: 'clear', workFolder: 'crashdumptest-work' })
  expect(parseCrashdumptest(['-dtm', '-y', 'C:\\Symbols', '-ypass'])).toMatchObject({
    step: 'initialise',
    workFolder: 'crashdumptest-work',
    passSymbols: true,
    plan: {
      dumps: ['full', 'kernel', 'mini'],
      ramBytes: 512 * MIB,
      pageFileBytes: 769 * MIB,
      symbolPath: 'C:\\Symbols',
      debuggersFolder: 'C:\\Debuggers',
    },
  })
  expect(parseCrashdumptest(['-autorun', '-y', 'C:\\Symbols', '-dtm'])).toEqual({
    step: 'autorun',
    workFolder: 'crashdumptest-work',
    symbolPath: 'C:\\Symbols',
    oneCrash: false,
    output: { json: false, junit: null, events: null },
  })
  expect(parseCrashdumptest(['/AutoRun', '/y', '/home/me', '/dtm'])).toMatchObject({ symbolPath: '/home/me' })
  expect(parseCrashdumptest(['-?'])).toEqual({ step: 'help' })
})

// covers: KIT-88, KIT-89
it('reads what the kit calls parameters of the job, and what our machine adds', () => {
  const line =
    '-dtm -pagefile mem+1 -debuggers c:/tools/kd -dumps mini -ram 1073094656B -cpus 2 -seed 7 -work w -controller virtio-blk -driver /d/x.sys'
  expect(parseCrashdumptest(line.split(' '))).toMatchObject({
    workFolder: 'w',
    passSymbols: false,
    plan: {
      dumps: ['mini'],
      ramBytes: 1073094656,
      cpuCount: 2,
      seed: 7,
      controller: 'virtio-blk',
      pageFileBytes: 1025 * MIB,
      symbolPath: null,
      debuggersFolder: 'C:\\tools\\kd',
    },
  })
  expect(parseCrashdumptest(['-dtm', '-pagefile', '1000'])).toMatchObject({
    plan: { pageFileBytes: 1000 * MIB },
  })
})

it('reads what a harness adds to -autorun', () => {
  expect(parseCrashdumptest(['-autorun', '-dtm', '-step', '-json', '-junit', 'r.xml'])).toMatchObject({
    oneCrash: true,
    output: { json: true, junit: 'r.xml', events: null },
  })
})

it.each([
  [[], 'crashdumptest needs -c, -dtm or -autorun'],
  [['-y', 'symbols'], 'crashdumptest needs -c, -dtm or -autorun'],
  [['-c', '-dtm'], '-dtm and -c are two steps: give one'],
  [['-c', '-autorun'], '-autorun and -c are two steps: give one'],
  [['-c', '-ram', '1G'], '-ram is for the step that initialises (-dtm), not for -c'],
  [['-autorun', '-pagefile', '1000'], '-pagefile is for the step that initialises (-dtm), not for -autorun'],
  [['-c', '-ypass'], '-ypass is for the step that initialises (-dtm), not for -c'],
  [['-dtm', '-step'], '-step is for the step that runs the test (-autorun), not for -dtm'],
  [['-c', '-json'], '-json is for the steps that may end the test (-dtm, -autorun), not for -c'],
  [['-autorun', '-junit'], '-junit needs a value'],
  [['-dtm', '-y'], '-y needs a value'],
  [['-dtm', '-y', ''], '-y needs a value'],
  [['-dtm', '-DTM'], '-dtm is given twice'],
  [['-dtm', '-ram', '1'], '-ram 1: Expected a size'],
  [['-dtm', '-ram', '1M'], '-ram is 1048576 bytes, expected from 64M to 64G'],
  [['-dtm', '-pagefile', '0'], '-pagefile is 0 bytes, expected a page file'],
  [['-dtm', '-scenario', 'pagefile-too-small', '-pagefile', '9'], 'leave out -pagefile'],
  [['-dtm', '-debuggers', 'D:\\Debuggers'], 'is no folder of C:'],
  [['-dtm', '-debuggers', 'C:\\'], 'is no folder of C:'],
  [['-dtm', '-controller', 'buslogic'], '-controller buslogic: controller buslogic does not go with'],
  [['-run'], "crashdumptest has no option '-run'"],
])('refuses %j', (args, message) => {
  expect(() => parseCrashdumptest(args)).toThrow(message)
})
