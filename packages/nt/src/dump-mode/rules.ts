// Every rule that a finding of the dump stack can name, by its id: one row each, so that an id without texts does not compile.
import { EXECUTION_RULES } from './execution-rules.ts'
import { MEMORY_RULES } from './memory-rules.ts'
import { OUTCOME_RULES } from './outcome-rules.ts'
import { REQUEST_RULES } from './request-rules.ts'
import type { RuleText } from './rule.ts'
import { START_RULES } from './start-rules.ts'

const RULES = {
  ...START_RULES,
  ...MEMORY_RULES,
  ...EXECUTION_RULES,
  ...REQUEST_RULES,
  ...OUTCOME_RULES,
}

type RowId = keyof typeof RULES
/** The row `bugcheck` is of each second bugcheck: a finding names its code, `bugcheck-0xd1`. */
const BUGCHECK = 'bugcheck'

/** What a finding names. */
export type DumpModeRuleId = Exclude<RowId, typeof BUGCHECK> | `${typeof BUGCHECK}-${string}`

export interface DumpModeRule extends RuleText {
  readonly id: RowId
}

// the keys of an object literal are all that it has
const IDS = Object.keys(RULES) as RowId[]

export const DUMP_MODE_RULES: readonly DumpModeRule[] = IDS.map((id) => ({ id, ...RULES[id] }))

const fenced = (what: string, code: string): string => `\`\`\`c\n// ${what}\n${code}\n\`\`\``

/** Code that breaks the rule and code that keeps it, in Markdown. */
export const ruleExample = ({ example }: RuleText): string =>
  `${fenced('breaks the rule', example.breaks)}\n\n${fenced('keeps it', example.keeps)}`

/** Its sources as links, in Markdown. */
export const ruleSources = ({ sources }: RuleText): string =>
  sources.map(({ title, url }) => `[${title}](${url})`).join('; ')

/** A pattern of DumpModeRuleId. */
export const DUMP_MODE_RULE_ID = `^(${IDS.map((id) => (id === BUGCHECK ? `${id}-[\\s\\S]*` : id)).join('|')})$`

/** The row that a finding names; undefined where it names an error code (docs/errors.md). */
export function findDumpModeRule(named: string): DumpModeRule | undefined {
  return DUMP_MODE_RULES.find(({ id }) => (id === BUGCHECK ? named.startsWith(`${BUGCHECK}-`) : id === named))
}
