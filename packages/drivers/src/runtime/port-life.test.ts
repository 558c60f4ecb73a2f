// What the running port does with an adapter that stops, hangs, is reset or is busy; the miniports are storahci with one change.
import { gpa, gva } from '@dumpstack/bytes'
import type { Machine } from '@dumpstack/machine'
import { PortConfigurationInformation, ScsiRequestBlock, SRB_STATUS_BUS_RESET } from '@dumpstack/nt'
import { describe, expect, it, vi } from 'vitest'
import { answering, bad, type Change, EXECUTE_SCSI } from '../crash/bad-miniports.test-support.ts'
import { testMachine } from '../fake-kernel.test-support.ts'
import type { GuestBlock, HwInitializationData } from '../miniport.ts'
import { startRuntimeStack } from './start-runtime-stack.ts'

const WRITE = 0x2a
const READ = 0x28
const FLUSH = 8
const STATUS_BUSY = 5
const SECOND_NS = 1e9
const MAX_CONTROL_TYPE = 26

function started(change: Change) {
  const test = testMachine()
  const stack = startRuntimeStack({ ...test, miniport: bad(change) })
  const write = (index: number): void => {
    const at = 0x800000 + index * 0x1000
    test.machine.ram.write(gpa(at), new Uint8Array(0x1000).fill(index + 1))
    stack.write(index * 0x1000, gpa(at), 0x1000)
  }
  const onDisk = (index: number): number => {
    const byte = new Uint8Array(1)
    test.image.read(index * 0x1000, byte)
    return byte[0]!
  }
  return { ...test, stack, write, onDisk }
}

/** Notes what the port calls, and takes the control types in `takes`. */
function noting(calls: string[], takes: readonly number[], fails: readonly number[] = []): Change {
  return (data) => ({
    hwAdapterControl: (_extension, type, parameters) => {
      calls.push(type === 6 ? `control 6 to state ${parameters!.view.getUint32(4, true)}` : `control ${type}`)
      if (type === 0) {
        expect(parameters!.view.getUint32(0, true)).toBe(MAX_CONTROL_TYPE)
        for (const taken of takes) parameters!.view.setUint8(4 + taken, 1)
      }
      return fails.includes(type) ? 1 : 0
    },
    hwFindAdapter: (extension, ...rest) => {
      calls.push('find')
      const seen = extension.view.getUint32(0, true)
      const found = data.hwFindAdapter(extension, ...rest)
      if (calls.length > 8) expect(seen).not.toBe(0) // the device extension is as it was
      return found
    },
    hwInitialize: (extension) => {
      calls.push('initialize')
      return data.hwInitialize(extension)
    },
    hwBuildIo: (extension, block) => {
      const srb = ScsiRequestBlock.at(block.view)
      calls.push(srb.function === EXECUTE_SCSI ? `cdb ${srb.cdb[0]}` : `function ${srb.function}`)
      return data.hwBuildIo!(extension, block)
    },
  })
}

describe('the adapter is stopped and started', () => {
  it.each<[what: string, takes: number[], expected: string[]]>([
    ['restarted, its configuration first', [0, 1, 2, 4], ['control 1', 'control 4', 'control 2']],
    ['found again where it cannot be restarted', [0, 1], ['control 1', 'find', 'initialize']],
    ['found again where it takes no control type', [], ['find', 'initialize']],
    ['told of its power', [0, 1, 2, 6], ['control 6 to state 4', 'control 6 to state 1']],
  ])('%s, and its disk works on where its controller is set up again', (_what, takes, expected) => {
    const calls: string[] = []
    const { stack, write, onDisk } = started(noting(calls, takes))
    expect(calls.indexOf('control 0')).toBe(calls.indexOf('initialize') + 1)
    write(0)
    calls.length = 0
    stack.restart()
    expect(calls).toEqual([`function ${FLUSH}`, ...expected])
    write(1)
    stack.drain()
    // a control type that does nothing leaves the controller as it is when its power comes
    expect([onDisk(0), onDisk(1)]).toEqual([1, expected.includes('find') ? 2 : 0])
  })

  it.each<[number, string]>([
    [1, 'ScsiStopAdapter'],
    [2, 'ScsiRestartAdapter'],
  ])('and control type %i fails', (type, name) => {
    const { stack } = started(noting([], [0, 1, 2], [type]))
    expect(() => stack.restart()).toThrow(
      expect.objectContaining({
        code: 'CONTROLLER_FAILED',
        message: `HwAdapterControl of storahci.sys failed ${name}, expected ScsiAdapterControlSuccess`,
      }),
    )
  })
})

it.each([MAX_CONTROL_TYPE, 63])('names a miniport that writes SupportedTypeList[%i]', (entry) => {
  const change: Change = () => ({
    hwAdapterControl: (_extension, _type, parameters) => {
      parameters!.view.setUint8(4 + entry, 1)
      return 0
    },
  })
  expect(() => started(change)).toThrow(
    expect.objectContaining({
      code: 'CONTROL_LIST',
      message: expect.stringContaining(
        `wrote SupportedTypeList[${entry}] for ScsiQuerySupportedControlTypes`,
      ),
    }),
  )
})

/** Notes when requests and resets come. */
function timed(events: { what: string; atNs: number }[], nowNs: () => number): Change {
  return (data) => ({
    hwStartIo: (extension, srb) => {
      events.push({ what: 'start', atNs: nowNs() })
      return data.hwStartIo(extension, srb)
    },
    hwResetBus: (extension, path) => {
      events.push({ what: 'reset', atNs: nowNs() })
      const isReset = data.hwResetBus(extension, path)
      events.push({ what: 'was reset', atNs: nowNs() })
      return isReset
    },
  })
}

describe('a bus reset', () => {
  /** Takes the third write and forgets it until the reset. */
  const forgetful: Change = (data, { port }) => {
    let starts = 0
    let lost: GuestBlock | null = null
    return {
      hwBuildIo: (extension, block) => {
        const isWrite = ScsiRequestBlock.at(block.view).cdb[0] === WRITE
        if (!isWrite || ++starts !== 3) return data.hwBuildIo!(extension, block)
        lost = block
        return false
      },
      hwResetBus: (extension, path) => {
        const isReset = data.hwResetBus(extension, path)
        if (lost !== null) {
          ScsiRequestBlock.at(lost.view).srbStatus = SRB_STATUS_BUS_RESET
          port.notificationRequestComplete(extension, lost)
          lost = null
        }
        return isReset
      },
    }
  }
  it('that saves a request which the miniport has forgotten is told of, unless the device had a fault', () => {
    for (const isFaulty of [false, true]) {
      const { machine, stack, write, onDisk } = started(forgetful)
      if (isFaulty) machine.faults.add({ kind: 'latency', controller: 'ahci0', nanoseconds: 1 })
      for (let i = 0; i < 4; i++) write(i)
      expect(stack.timedOut).toBeNull()
      stack.drain()
      expect(stack.timedOut).toBe(isFaulty ? null : 'write of 0x1000 bytes at disk offset 0x2000')
      expect([onDisk(2), onDisk(3)]).toEqual([3, 4])
    }
  })

  it('ends what hangs for ten seconds; it is sent again after the reset and a pause', () => {
    const events: { what: string; atNs: number }[] = []
    const { machine, controller, stack, write, onDisk } = started((data, alteration) =>
      timed(events, () => machine.nowNs)(data, alteration),
    )
    machine.faults.add({ kind: 'hang', controller: controller.name, afterWrites: 2, count: 1 })
    events.length = 0
    const begin = machine.nowNs
    for (let i = 0; i < 6; i++) write(i)
    stack.drain()
    expect([0, 1, 2, 3, 4, 5].map(onDisk)).toEqual([1, 2, 3, 4, 5, 6])
    const reset = events.findIndex(({ what }) => what === 'reset')
    expect(events[reset + 1]!.what).toBe('was reset')
    expect(events[reset]!.atNs - begin).toBeGreaterThanOrEqual(10 * SECOND_NS)
    expect(events[reset]!.atNs - begin).toBeLessThan(12 * SECOND_NS)
    expect(events[reset + 2]!.what).toBe('start')
    expect(events[reset + 2]!.atNs - events[reset + 1]!.atNs).toBeGreaterThanOrEqual(4 * SECOND_NS)
    expect(events.filter(({ what }) => what === 'reset')).toHaveLength(1)
  })

  it('is done during slow requests when it is asked for', () => {
    const events: { what: string; atNs: number }[] = []
    const { machine, controller, stack, write, onDisk } = started((data, alteration) =>
      timed(events, () => machine.nowNs)(data, alteration),
    )
    machine.faults.add({ kind: 'latency', controller: controller.name, nanoseconds: 5e6, count: 6 })
    for (let i = 0; i < 6; i++) write(i)
    machine.run(machine.nowNs + 1e6)
    stack.resetBus()
    expect(events.at(-1)!.what).toBe('was reset')
    stack.drain()
    expect([0, 1, 2, 3, 4, 5].map(onDisk)).toEqual([1, 2, 3, 4, 5, 6])
    stack.freeze()
    expect(() => stack.resetBus()).toThrow(expect.objectContaining({ code: 'STACK_FROZEN' }))
    expect(() => stack.restart()).toThrow(expect.objectContaining({ code: 'STACK_FROZEN' }))
  })

  it('comes again for a request that stays, and not for ever', () => {
    let resets = 0
    const { stack, write } = started((data) => ({
      hwStartIo: (extension, srb) =>
        ScsiRequestBlock.at(srb.view).cdb[0] === WRITE || data.hwStartIo(extension, srb),
      hwResetBus: () => ++resets > 0,
    }))
    write(0)
    expect(() => stack.drain()).toThrow('1 requests did not complete in 30 s')
    expect(resets).toBe(2)
  })
})

describe('a busy device', () => {
  /** Completes writes `times` over with `status`, before the controller sees them. */
  const busy =
    (times: number, srbStatus: number, scsiStatus: number): Change =>
    (data: HwInitializationData, { port }) => {
      let left = times
      return {
        hwBuildIo: (extension, block) => {
          const srb = ScsiRequestBlock.at(block.view)
          if (srb.function !== EXECUTE_SCSI || srb.cdb[0] !== WRITE || left-- <= 0)
            return data.hwBuildIo!(extension, block)
          srb.srbStatus = srbStatus
          srb.scsiStatus = scsiStatus
          port.notificationRequestComplete(extension, block)
          return false
        },
      }
    }

  it.each<[what: string, srbStatus: number, scsiStatus: number]>([
    ['SRB_STATUS_BUSY', STATUS_BUSY, 0],
    ['SCSISTAT_BUSY', 4, 8],
    ['SCSISTAT_QUEUE_FULL with nothing in flight', 4, 0x28],
  ])(
    'is sent its request again, after a quarter of a second each time: %s',
    (_what, srbStatus, scsiStatus) => {
      const { machine, stack, write, onDisk } = started(busy(8, srbStatus, scsiStatus))
      const begin = machine.nowNs
      write(0)
      stack.drain()
      expect(onDisk(0)).toBe(1)
      expect(machine.nowNs - begin).toBeGreaterThanOrEqual(2 * SECOND_NS)
      expect(machine.nowNs - begin).toBeLessThan(2.1 * SECOND_NS)
    },
  )

  it('is sent the rest once part of what it has has ended, where its queue is full', () => {
    let sent = 0
    let active = 0
    let mostWhileFull = 0
    const { machine, stack, write, onDisk } = started((data, { port }) => ({
      hwStartIo: (extension, srb) => {
        const { cdb } = ScsiRequestBlock.at(srb.view)
        if (cdb[0] !== WRITE) return data.hwStartIo(extension, srb)
        if (++sent === 9) {
          mostWhileFull = active
          ScsiRequestBlock.at(srb.view).srbStatus = 4
          ScsiRequestBlock.at(srb.view).scsiStatus = 0x28
          port.notificationRequestComplete(extension, srb)
          return true
        }
        active++
        return data.hwStartIo(extension, srb)
      },
    }))
    const begin = machine.nowNs
    for (let i = 0; i < 12; i++) write(i)
    expect([sent, mostWhileFull]).toEqual([9, 8])
    expect(stack.inFlight).toBe(12)
    stack.drain()
    expect(Array.from({ length: 12 }, (_, i) => onDisk(i))).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    )
    expect(machine.nowNs - begin).toBeLessThan(0.25 * SECOND_NS)
  })

  it('is given up after twenty times', () => {
    const { stack, write } = started(busy(100, STATUS_BUSY, 0))
    write(0)
    expect(() => stack.drain()).toThrow(/ended with .*0x5.* 20 times/)
  })

  it('is asked again what it is', () => {
    const { stack } = started((data, alteration) => {
      let refusals = 10
      const refused = answering(EXECUTE_SCSI, 0x12, STATUS_BUSY)(data, alteration)
      return {
        hwBuildIo: (extension, block) =>
          ScsiRequestBlock.at(block.view).cdb[0] === 0x12 && refusals-- > 0
            ? refused.hwBuildIo!(extension, block)
            : data.hwBuildIo!(extension, block),
      }
    })
    expect(stack.bootDevice.model).toBe('Dumpstack Disk')
  })
})

describe('a unit attention', () => {
  const SENSE_KEY = 2
  /** The first `count` writes end with sense data of `senseKey`. */
  const ending = (senseKey: number, count: number): Change => {
    let left = count
    return (data, { port }) => ({
      hwBuildIo: (extension, block) => {
        const srb = ScsiRequestBlock.at(block.view)
        if (srb.function !== EXECUTE_SCSI || srb.cdb[0] !== WRITE || left-- <= 0)
          return data.hwBuildIo!(extension, block)
        const { view } = port.dereference(gva(srb.senseInfoBuffer), 18)
        view.setUint8(0, 0x70)
        view.setUint8(SENSE_KEY, senseKey)
        srb.srbStatus = 0x84 // SRB_STATUS_ERROR, AUTOSENSE_VALID
        port.notificationRequestComplete(extension, block)
        return false
      },
    })
  }

  it('is news and no failure: the request is sent again more often than after an error', () => {
    const { stack, write, onDisk } = started(ending(6, 10))
    write(0)
    stack.drain()
    expect(onDisk(0)).toBe(1)
  })

  it.each([
    ['that never ends', 6, /ended with .*0x4.* 100 times/],
    ['is no medium error', 3, /ended with .*0x4.* 4 times/],
  ])('%s', (_what, senseKey, message) => {
    const { stack, write } = started(ending(senseKey, 1000))
    write(0)
    expect(() => stack.drain()).toThrow(message)
  })
})

describe('requests beyond the end of the disk', () => {
  const BLOCKS = (64 * 1024 * 1024) / 512

  it('are refused, and the last block stays as it is', () => {
    const { stack, image } = started(() => ({}))
    const last = new Uint8Array(512).fill(0x77)
    image.write(64 * 1024 * 1024 - 512, [last])
    const answers = stack.probeBeyondEnd()
    expect(answers.map(({ isWrite, block, blockCount }) => [isWrite, block, blockCount])).toEqual([
      [true, BLOCKS, 1],
      [true, BLOCKS - 1, 2],
      [false, BLOCKS, 1],
      [false, BLOCKS - 1, 2],
    ])
    for (const answer of answers) expect(answer).toMatchObject({ srbStatus: 4, reachedDevice: false })
    const found = new Uint8Array(512)
    image.read(64 * 1024 * 1024 - 512, found)
    expect(found).toEqual(last)
  })

  it('that a miniport refuses do not reach the device, and one that it calls a success is reported', () => {
    const lying: Change = (data, { port }) => ({
      hwBuildIo: (extension, block) => {
        const srb = ScsiRequestBlock.at(block.view)
        const cdb = new DataView(Uint8Array.from(srb.cdb).buffer)
        const isTransfer = srb.function === EXECUTE_SCSI && (srb.cdb[0] === WRITE || srb.cdb[0] === READ)
        if (!isTransfer || cdb.getUint32(2) + cdb.getUint16(7) <= BLOCKS)
          return data.hwBuildIo!(extension, block)
        srb.srbStatus = srb.cdb[0] === READ ? 1 : 6
        srb.dataTransferLength = 512
        port.notificationRequestComplete(extension, block)
        return false
      },
    })
    const { stack } = started(lying)
    expect(stack.probeBeyondEnd()).toMatchObject([
      { isWrite: true, srbStatus: 6, reachedDevice: false },
      { isWrite: true, srbStatus: 6, reachedDevice: false },
      { isWrite: false, srbStatus: 1, isCut: false, reachedDevice: false },
      { isWrite: false, srbStatus: 1, isCut: true, reachedDevice: false },
    ])
  })

  it('that reach the device are reported as such', () => {
    const refusals: Machine['evidence']['refusals'][number][] = []
    const { machine, controller, stack } = started((data) => ({
      hwBuildIo: (extension, block) => {
        const { cdb } = ScsiRequestBlock.at(block.view)
        const lba = new DataView(Uint8Array.from(cdb).buffer).getUint32(2)
        if (cdb[0] === WRITE && lba === BLOCKS) {
          const { name } = controller
          refusals.push({
            controller: name,
            limit: 'capacity',
            allowed: BLOCKS,
            found: lba,
            message: '',
            isTolerated: false,
            atNs: 0,
          })
        }
        return data.hwBuildIo!(extension, block)
      },
    }))
    vi.spyOn(machine.evidence, 'refusals', 'get').mockImplementation(() => refusals)
    expect(stack.probeBeyondEnd().map(({ reachedDevice }) => reachedDevice)).toEqual([
      true,
      false,
      false,
      false,
    ])
  })

  it('that never complete end the probe', () => {
    const { stack } = started((data) => ({
      hwBuildIo: (extension, srb) => {
        const { cdb } = ScsiRequestBlock.at(srb.view)
        return cdb[0] !== WRITE && data.hwBuildIo!(extension, srb)
      },
      hwResetBus: () => true,
    }))
    expect(stack.probeBeyondEnd()).toMatchObject([{ srbStatus: null, reachedDevice: false }])
  })
})

it('a miniport that is shown its adapter again finds its uncached extension where it was', () => {
  const places: bigint[] = []
  const { stack } = started((data, { port }) => ({
    hwFindAdapter: (extension, context, bus, argument, config) => {
      const found = data.hwFindAdapter(extension, context, bus, argument, config)
      places.push(port.getUncachedExtension(extension, config, 0x1000)!.va)
      expect(PortConfigurationInformation.at(config.view).numberOfBuses).toBe(1)
      return found
    },
  }))
  stack.restart()
  expect(places).toHaveLength(2)
  expect(places[1]).toBe(places[0])
})

it('knows after the system has stopped what of its memory the miniport has', () => {
  const blocks: Record<string, number> = {}
  const { stack, kernel } = started((data, { port }) => ({
    hwInitialize: (extension) => {
      blocks['its device extension'] = extension.gpa
      blocks['its pool'] = port.allocatePool(extension, 0x40)!.gpa + 0x3f
      return data.hwInitialize(extension)
    },
  }))
  expect(stack.memoryAt(gpa(blocks['its pool']!))).toBeNull()
  stack.freeze()
  const image = kernel.loaded.find(({ baseName }) => baseName === 'storahci.sys')!
  blocks['its image'] = kernel.vaToGpa(gva(image.base + 0x10n))!
  for (const [name, address] of Object.entries(blocks)) expect(stack.memoryAt(gpa(address))).toBe(name)
  expect(stack.memoryAt(gpa(blocks['its pool']! + 1))).toBeNull()
})
