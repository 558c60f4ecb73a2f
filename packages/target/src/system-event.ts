// What the System event log holds of a crash.

export const EVENT_SOURCES = [
  'volmgr',
  'Microsoft-Windows-WER-SystemErrorReporting',
  'Microsoft-Windows-Kernel-Power',
  'EventLog',
] as const
type EventSource = (typeof EVENT_SOURCES)[number]

export interface SystemEvent {
  readonly id: number
  /** Its provider. */
  readonly source: EventSource
  /** The provider's EventSourceName, where it has one: what event viewers list as the source. */
  readonly eventSourceName?: 'BugCheck'
  /** Virtual milliseconds since 1970. */
  readonly at: number
  readonly text: string
  readonly fields: Readonly<Record<string, string>>
}
