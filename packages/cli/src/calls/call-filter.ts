// Which events of a record of calls a user wants to see.
import type { CallEvent } from '@dumpstack/drivers'
import { callLabel } from './call-label.ts'
import { registerLabel } from './register-label.ts'

export interface CallFilterOptions {
  readonly life?: 'runtime' | 'dump'
  /** Entry points of the driver: HwStartIo. */
  readonly routine?: string
  /** Imports, or what StorPortNotification stands for: StorPort*, RequestComplete. */
  readonly call?: string
  /** Registers: PxCI, P0CI, BAR5+0x138. */
  readonly register?: string
}

type Happening = Exclude<CallEvent, { readonly kind: 'gap' | 'end' }>

/** `call` and `register` each name what is shown: with both, what matches either. */
export function callFilter({
  life,
  routine,
  call,
  register,
}: CallFilterOptions): (event: Happening) => boolean {
  const isRoutine = matcher(routine)
  const isCall = matcher(call)
  const isRegister = matcher(register?.replace(/^Px/i, 'P*'))
  const hasKind = call !== undefined || register !== undefined
  return (event) => {
    const { site } = event
    if (life !== undefined && site.life !== life) return false
    if (routine !== undefined && !isRoutine(site.routine)) return false
    if (!hasKind) return true
    if (event.kind !== 'access') {
      const meaning = event.kind === 'call' ? callLabel(event).meaning : null
      return call !== undefined && (isCall(event.name) || (meaning !== null && isCall(meaning)))
    }
    if (register === undefined) return false
    const { place, name } = registerLabel(event)
    return isRegister(place) || (name !== null && isRegister(name))
  }
}

/** `*` stands for any characters; case does not count. */
function matcher(pattern: string | undefined): (text: string) => boolean {
  if (pattern === undefined) return () => false
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  const expression = new RegExp(`^${parts.join('.*')}$`, 'i')
  return (text) => expression.test(text)
}
