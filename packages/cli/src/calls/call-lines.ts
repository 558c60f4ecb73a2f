// Events of a record of calls as lines of text, and as objects for JSON.
import { hex } from '@dumpstack/bytes'
import type { CallEvent, RecordedSite } from '@dumpstack/drivers'
import type { CallRecordFile } from '@dumpstack/run/node'
import { bold, type Line, painted, red } from '../terminal/painted.ts'
import { callLabel } from './call-label.ts'
import { registerLabel } from './register-label.ts'

const NS_PER_SECOND = 1e9
const TIME_WIDTH = 14
const LIFE_WIDTH = 7
const ROUTINE_WIDTH = 19
const PLACE_WIDTH = 44

export const HEADING = `${'seconds'.padStart(TIME_WIDTH)}  ${'life'.padEnd(LIFE_WIDTH)} IRQL  ${'routine'.padEnd(ROUTINE_WIDTH)}  ${'in'.padEnd(PLACE_WIDTH)}  call or register access`

/** `--- full: ...`, the line before the events of a record. */
export function startLine({ variant, start }: Pick<CallRecordFile, 'variant' | 'start'>): string {
  const what = {
    setup: 'before the restart that the test begins with',
    last: 'the last start',
    full: 'up to the crash of the full dump',
    kernel: 'up to the crash of the kernel dump',
    mini: 'up to the crash of the mini dump',
  }[start]
  return `--- ${variant === null ? '' : `${variant}, `}${what}`
}

export function lineOf(event: CallEvent): Line {
  switch (event.kind) {
    case 'gap':
      return red(
        `... ${event.calls} calls and ${event.accesses} register accesses are not in the record: its size is bounded`,
      )
    case 'end':
      return `${event.calls} calls, ${event.accesses} register accesses`
    default:
      return painted`${prefixOf(event.site, event.atNs)}  ${'  '.repeat(event.depth)}${whatOf(event)}`
  }
}

function whatOf(event: Exclude<CallEvent, { kind: 'gap' | 'end' }>): Line {
  switch (event.kind) {
    case 'call': {
      const call = painted`${bold(event.name)}(${callLabel(event).args.join(', ')})`
      return event.ended === null ? painted`${call} {` : painted`${call} = ${hex(event.ended.result)}`
    }
    case 'return':
      return `} ${event.name} = ${hex(event.result ?? 0n)}`
    case 'stop':
      return painted`} ${event.name} ${red('did not return')}`
    case 'access': {
      const { place, name } = registerLabel(event)
      const register = name === null ? place : painted`${place} ${bold(name)}`
      const sign = event.direction === 'read' ? '=' : '<-'
      return painted`${event.direction}${event.byteLength * 8} ${register} ${sign} ${hex(event.value)}`
    }
  }
}

/** Seconds with nanoseconds, in digits: doubles would round. */
function secondsOf(atNs: number): string {
  const whole = Math.floor(atNs / NS_PER_SECOND)
  return `${whole}.${String(atNs - whole * NS_PER_SECOND).padStart(9, '0')}`
}

function prefixOf(site: RecordedSite, atNs: number): string {
  const { life, irql, routine } = site
  return `${secondsOf(atNs).padStart(TIME_WIDTH)}  ${life.padEnd(LIFE_WIDTH)} ${String(irql).padStart(4)}  ${routine.padEnd(ROUTINE_WIDTH)}  ${placeOf(site).padEnd(PLACE_WIDTH)}`
}

/** `dump_dsahci+0x11c4 AhciHwFindAdapter+0x24`. */
function placeOf({ module, rva, symbol }: RecordedSite): string {
  const image = module.replace(/\.[^.]*$/, '')
  if (rva === null) return `outside ${image}`
  return `${image}+${hex(rva)}${symbol === null ? '' : ` ${symbol}`}`
}

/** 64-bit values are hex strings, as in every JSON of ours. */
export function objectOf(event: CallEvent, { variant, start }: CallRecordFile): object {
  const record = { variant, start }
  if (event.kind === 'gap' || event.kind === 'end') return { ...record, ...event }
  const { kind, atNs, depth, site } = event
  const common = { ...record, kind, atNs, depth, ...site }
  switch (event.kind) {
    case 'call': {
      const { name, args, ended } = event
      const end = ended === null ? null : { tookNs: ended.tookNs, result: hex(ended.result) }
      return {
        ...common,
        name,
        meaning: callLabel(event).meaning,
        args: args.map((value) => hex(value)),
        ended: end,
      }
    }
    case 'return':
    case 'stop':
      return { ...common, name: event.name, result: event.result === null ? null : hex(event.result) }
    case 'access': {
      const { direction, byteLength, window, offset, value } = event
      const { name } = registerLabel(event)
      const register = {
        controller: window?.controller ?? null,
        bar: window?.bar ?? null,
        offset,
        register: name,
      }
      return { ...common, direction, byteLength, ...register, value: hex(value) }
    }
  }
}
