// Which controller a driver file is for. Windows knows from the driver's INF; here the driver is started on each that is modelled.
// A driver may well fail on a device that is not its own: PnP would never have shown it that.
import type { DumpstackError } from '@dumpstack/bytes'
import { NotJudged } from '@dumpstack/drivers'
import type { ControllerKind } from '@dumpstack/machine'

/** How the start of a driver on a controller ended. */
export interface StartAttempt {
  readonly controller: ControllerKind
  readonly failure: DumpstackError | null
  /** False where the driver failed before any controller was shown to it. */
  readonly sawController: boolean
}

/** What HwFindAdapter says of a device that is none for it; many drivers say "error" of one they do not know. */
const REFUSALS: readonly string[] = ['ADAPTER_NOT_FOUND', 'ADAPTER_ERROR']

/**
 * The controller that it starts on, or else the only one that it makes something of. Throws NotJudged NO_SUCH_DEVICE where it starts on
 * none and nothing tells which of its failures counts.
 */
export function controllerOf(fileName: string, attempts: Iterable<StartAttempt>): ControllerKind {
  const failed: { readonly controller: ControllerKind; readonly failure: DumpstackError }[] = []
  for (const { controller, failure, sawController } of attempts) {
    if (failure === null || !sawController) return controller
    failed.push({ controller, failure })
  }
  const tried = failed.filter(({ failure }) => !REFUSALS.includes(failure.code))
  const answered = failed.filter(({ failure }) => failure.code !== 'ADAPTER_NOT_FOUND')
  for (const candidates of [tried, answered]) {
    if (candidates.length === 1) return candidates[0]!.controller
  }
  const reasons = failed.map(({ controller, failure }) => `on ${controller}: ${failure.message}`).join('; ')
  const names = failed.map(({ controller }) => controller).join(' or ')
  throw new NotJudged(
    'NO_SUCH_DEVICE',
    `${fileName}: no such device: it starts on no controller that is modelled (${reasons}), expected a driver for ${names}; --controller has it judged on one`,
    { driver: fileName },
  )
}
