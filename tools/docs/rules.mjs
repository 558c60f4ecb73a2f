// docs/dump-mode-rules.md and the table of rules in packages/drivers/README.md, from the table in packages/nt.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DUMP_MODE_RULES, ruleExample, ruleSources } from '@dumpstack/nt'

const RULES_PAGE = 'docs/dump-mode-rules.md'
const DRIVERS_README = 'packages/drivers/README.md'
const BEGIN = '<!-- Made by npm run docs from packages/nt/src/dump-mode: begin. Do not edit. -->'
const END = '<!-- end -->'

function rulesPage() {
  const lines = [
    '# Rules of dump mode',
    '',
    '<!-- Made by npm run docs from packages/nt/src/dump-mode. Do not edit. -->',
    '',
    'What a storage driver has to keep to while a crash dump is written, and what `dumpstack check` and `dumpstack test --driver` find broken: by the number of the rule,',
    'or by what happened. Examples are C in the manner of the driver kit; `IsDump` is the flag that DriverEntry computes from its arguments.',
    '',
    ...DUMP_MODE_RULES.map(({ id, title }) => `- [${id}](#${id.toLowerCase()}): ${title}`),
  ]
  for (const rule of DUMP_MODE_RULES) {
    const { id, title, why, howToFix, answer } = rule
    lines.push('', `## ${id}`, '', `**${title}** ${why}`, '')
    lines.push(ruleExample(rule), '')
    lines.push(`How to fix it: ${howToFix}`, '', `Here: ${answer}.`, '')
    lines.push(`Sources: ${ruleSources(rule)}.`)
  }
  return `${lines.join('\n')}\n`
}

/** `readme` with its rows as the table has them. */
export function withRuleRows(readme) {
  const begin = readme.indexOf(BEGIN)
  const end = readme.indexOf(END, begin)
  if (begin === -1 || end === -1) throw new Error(`${DRIVERS_README} has no place for the rules`)
  const rows = DUMP_MODE_RULES.map(({ id, title, answer }) => `| ${nameOf(id)} | ${title} | ${answer} |`)
  const table = [
    '',
    '',
    '| rule | what a driver has to do | what happens where it does not |',
    '| --- | --- | --- |',
    ...rows,
    '',
    '',
  ]
  return readme.slice(0, begin + BEGIN.length) + table.join('\n') + readme.slice(end)
}

/** Without a number it is what a finding says. */
const nameOf = (id) => (id.startsWith('DM-') ? id : `\`${id}\``)

export function rulePages() {
  const readme = readFileSync(fileURLToPath(new URL(`../../${DRIVERS_README}`, import.meta.url)), 'utf8')
  return [
    [RULES_PAGE, rulesPage()],
    [DRIVERS_README, withRuleRows(readme)],
  ]
}
