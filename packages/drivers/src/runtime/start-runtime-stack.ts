// Starts the storage stack of a running system on one controller.
import { DriversError } from '../errors.ts'
import type { RuntimeStack, RuntimeStackOptions } from '../runtime-stack.ts'

export function startRuntimeStack(_options: RuntimeStackOptions): RuntimeStack {
  throw new DriversError('NOT_IMPLEMENTED', 'startRuntimeStack is not built yet')
}
