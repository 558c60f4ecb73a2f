// How much memory a driver asks for while the system runs and in a dump, over the settings that it grows with. Of each cell a system and
// its dump are started, and nothing is written.
import { DumpstackError, Interrupted } from '@dumpstack/bytes'
import {
  behindPort,
  loadCrashDumpStack,
  type ObservedPlace,
  type PortExports,
  portWith,
  type SysObserver,
  startRuntimeStack,
} from '@dumpstack/drivers'
import { MemoryDiskImage } from '@dumpstack/machine'
import { CrashedSystem } from '../system/crashed-system.ts'
import { checkDump, diskLayout, PARTITION_OFFSET } from './check-dump.ts'
import { bootDrivenSystem } from './driven-system.ts'
import type { CheckPhase } from './driver-finding.ts'
import type { LifeOptions } from './life.ts'
import { type LifeSettings, lifeOf, settingRules, systemSettings } from './settings.ts'

export interface BudgetOptions extends Omit<LifeOptions, 'onPhase' | 'onStop' | 'observer'> {
  /** The settings of every cell; a given setting is no axis of the table. */
  readonly settings: LifeSettings
  /** Told before each cell, from 1 on. */
  readonly onCell?: (cell: number, cells: number) => void
}

export interface MemoryAsked {
  /** The size of the largest block; in a dump also of one that was refused. */
  readonly uncachedBytes: number
  /** The most at a time; in a dump, which has none, all that is asked for. */
  readonly poolBytes: number
}

export interface BudgetCell {
  readonly settings: LifeSettings
  readonly running: MemoryAsked
  readonly dump: MemoryAsked
  /** What ended the start early; null where both instances are ready for requests. */
  readonly stopped: BudgetStop | null
}

export interface BudgetStop {
  readonly phase: CheckPhase
  /** An error code, `bugcheck-0xd1`, or `no-dump`. */
  readonly rule: string
  readonly message: string
}

export interface BudgetTable {
  /** The last varies fastest. */
  readonly axes: readonly { readonly key: string; readonly values: readonly (number | string)[] }[]
  readonly cells: readonly BudgetCell[]
  /** The user stopped it: there are no more cells. */
  readonly interrupted: boolean
}

/** Throws TargetOptionsError SETTING. */
export function measureBudget(options: BudgetOptions): BudgetTable {
  const { controller, settings, onCell } = options
  lifeOf(controller, settings)
  const axes = Object.entries(settingRules(controller)).flatMap(([key, { sizes }]) =>
    sizes === undefined || key in settings ? [] : [{ key, values: sizes }],
  )
  const places = axes.reduce<LifeSettings[]>(
    (before, { key, values }) => before.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  )
  const cells: BudgetCell[] = []
  try {
    for (const place of places) {
      onCell?.(cells.length + 1, places.length)
      cells.push({ settings: place, ...startsOf(options, lifeOf(controller, { ...settings, ...place })) })
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
  }
  return { axes, cells, interrupted: cells.length < places.length }
}

function startsOf(options: BudgetOptions, life: LifeSettings): Omit<BudgetCell, 'settings'> {
  const system = systemSettings(life)
  const layout = diskLayout(system, options.seed, 0)
  const running = new Asked()
  const dump = new Asked()
  const { machine, kernel, host, close } = bootDrivenSystem(
    { ...options, life, observer: dump },
    new MemoryDiskImage(layout.byteLength),
  )
  let phase: CheckPhase = 'start'
  const stopped = (rule: string, message: string): Omit<BudgetCell, 'settings'> => ({
    running,
    dump,
    stopped: { phase, rule, message },
  })
  try {
    const controller = machine.controllers[0]!
    const { profile } = options
    const runtime = startRuntimeStack({
      machine,
      kernel: host.kernel,
      controller,
      miniport: behindPort(host.miniport, (port) => running.watch(port)),
    })
    const dumpStack = loadCrashDumpStack({
      machine,
      kernel: host.kernel,
      profile,
      runtime,
      miniport: behindPort(host.miniport, (port) => dump.watch(port)),
    })
    dumpStack.setPageFile(layout.pageFile, PARTITION_OFFSET)
    kernel.loadCrashDriver()
    const crashed = new CrashedSystem({ machine, kernel, runtime, dumpStack })
    phase = 'dump'
    const writing = crashed.write(checkDump(machine.ram, system))
    const started = writing.next()
    if (started.done !== true) {
      writing.return({ finalStatus: 0, bytesWritten: 0, violations: [] })
      return { running, dump, stopped: null }
    }
    const { secondBugcheck, notJudged, failure } = started.value
    const bugcheck =
      secondBugcheck === undefined ? 'no-dump' : `bugcheck-0x${secondBugcheck.code.toString(16)}`
    return stopped(notJudged ?? bugcheck, failure ?? 'the dump did not start')
  } catch (error) {
    if (!(error instanceof DumpstackError)) throw error
    return stopped(error.code, error.message)
  } finally {
    close()
  }
}

class Asked implements MemoryAsked, SysObserver {
  uncachedBytes = 0
  poolBytes = 0
  readonly #blocks = new Map<bigint, number>()
  #held = 0

  watch(port: PortExports): PortExports {
    return portWith(port, {
      getUncachedExtension: (extension, config, byteLength) => {
        this.uncachedBytes = Math.max(this.uncachedBytes, byteLength)
        return port.getUncachedExtension(extension, config, byteLength)
      },
      allocatePool: (extension, byteLength) => {
        const block = port.allocatePool(extension, byteLength)
        this.#askPool(byteLength)
        if (block !== null) this.#blocks.set(block.va, byteLength)
        return block
      },
      freePool: (extension, block) => {
        this.#held -= this.#blocks.get(block.va) ?? 0
        this.#blocks.delete(block.va)
        return port.freePool(extension, block)
      },
    })
  }

  /** In a dump the kernel refuses its own pool, before a port sees the call. */
  callBegins({ life }: ObservedPlace, name: string, [, byteLength]: readonly bigint[]): void {
    if (life === 'dump' && name.startsWith('ExAllocatePool')) this.#askPool(Number(byteLength))
  }

  starts(): void {}
  callEnds(): void {}
  deviceAccess(): void {}

  #askPool(byteLength: number): void {
    this.#held += byteLength
    this.poolBytes = Math.max(this.poolBytes, this.#held)
  }
}
