// The result of an examination in words: one finding and one (x) line for each cause, and one line for all that follows.
import type { CausedJudgement } from './causes.ts'
import { complaint, info, type Message, unableToGet } from './messages.ts'
import type { CheckOutcome, Finding } from './test-event.ts'

/** A message of a check as the log says it. */
export const sentence = (message: string): string => `${message.charAt(0).toUpperCase()}${message.slice(1)}.`

export const outcomesOf = (judged: readonly CausedJudgement[]): CheckOutcome[] =>
  judged.map(({ id, judgement: { verdict, message }, causedBy }) => ({
    id,
    verdict,
    message,
    ...(causedBy !== null && { causedBy }),
  }))

/** One for each place of what does not pass by itself. */
export const findingsOf = (judged: readonly CausedJudgement[]): Finding[] =>
  judged.flatMap(({ id: check, judgement: { verdict, message, places }, causedBy }) =>
    verdict === 'pass' || causedBy !== null
      ? []
      : (places?.length ? places : [{}]).map((place) => ({ check, verdict, message, ...place })),
  )

/** `said`: the checks whose lines are in the log already. */
export function messagesOf(judged: readonly CausedJudgement[], said: ReadonlySet<string>): Message[] {
  const bad = judged.filter(({ judgement }) => judgement.verdict !== 'pass')
  const out: Message[] = []
  for (const { id, judgement, causedBy } of bad)
    if (causedBy === null && !said.has(id) && !isSaidAtOnce(id, judgement)) out.push(...linesOf(judgement))
  const withoutSymbols = bad.filter(({ causedBy }) => causedBy === SYMBOLS)
  for (const { judgement } of withoutSymbols) out.push(...(judgement.says ?? []))
  const unable = withoutSymbols.flatMap(({ judgement }) => judgement.unableToGet ?? [])
  if (unable.length > 0) out.push(unableToGet(unable.join(', ')))
  for (const cause of new Set(bad.map(({ causedBy }) => causedBy))) {
    if (cause === null || cause === SYMBOLS) continue
    const following = bad.filter(({ causedBy }) => causedBy === cause)
    const file = following.find(({ id }) => id === FILE)
    if (file !== undefined) out.push(info(sentence(file.judgement.message)))
    const ids = following.map(({ id }) => id).filter((id) => id !== FILE && !said.has(id))
    if (ids.length > 0)
      out.push(info(`These checks do not pass for the same cause as ${cause}: ${ids.join(', ')}.`))
  }
  return out
}

const SYMBOLS = 'symbols'
const FILE = 'file'

/** By debug-dump.ts, as soon as it is known. */
const isSaidAtOnce = (id: string, { says }: CausedJudgement['judgement']): boolean =>
  id === SYMBOLS && says !== undefined

const linesOf = ({ message, says, unableToGet: unable }: CausedJudgement['judgement']): readonly Message[] =>
  says ?? (unable === undefined ? [complaint(sentence(message))] : unable.map(unableToGet))
