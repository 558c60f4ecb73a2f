// Which controller a driver file is for. Windows knows from the driver's INF; here the driver is started on each that is modelled.
// A driver may well fail on a device that is not its own: PnP would never have shown it that.
import type { DumpstackError } from '@dumpstack/bytes'
import { NotJudged } from '@dumpstack/drivers'
import type { ControllerModel } from '@dumpstack/machine'

/** How far a driver came on a controller: its DriverEntry, its HwFindAdapter, or past it with SP_RETURN_FOUND. */
export type Reached = 'entry' | 'controller' | 'adapter'

/** How the start of a driver on a controller ended. */
export interface StartAttempt {
  readonly controller: ControllerModel
  readonly failure: DumpstackError | null
  readonly reached: Reached
}

/**
 * The controller that it starts on, or else the first that it says it found. What a driver does before that, on a device that may be
 * foreign to it, tells nothing: some say "error", some fault. Throws NotJudged NO_SUCH_DEVICE.
 */
export function controllerOf(fileName: string, attempts: Iterable<StartAttempt>): ControllerModel {
  const failed: { readonly controller: ControllerModel; readonly failure: DumpstackError }[] = []
  let found: ControllerModel | null = null
  let notModelled: ControllerModel | null = null
  for (const { controller, failure, reached } of attempts) {
    // one that fails before any controller is shown to it does so on all
    if (failure === null || reached === 'entry') return controller
    if (reached === 'adapter') found ??= controller
    if (failure instanceof NotJudged && failure.code !== 'ADAPTER_NOT_FOUND') notModelled ??= controller
    failed.push({ controller, failure })
  }
  if (found !== null) return found
  // what it needs and is not modelled is what is to be said of it
  if (notModelled !== null) return notModelled
  const reasons = failed
    .map(({ controller, failure }) => `on ${controller.kind}: ${failure.message}`)
    .join('; ')
  const names = failed.map(({ controller }) => controller.kind).join(' or ')
  throw new NotJudged(
    'NO_SUCH_DEVICE',
    `${fileName}: no such device: it starts on no controller that is modelled (${reasons}), expected a driver for ${names}; --controller has it judged on one`,
    { driver: fileName },
  )
}
