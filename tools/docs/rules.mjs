// docs/dump-mode-rules.md, docs/rules and the table of rules in packages/drivers/README.md, from the table in packages/nt.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DUMP_MODE_RULES, ruleExample, ruleSources } from '@dumpstack/nt'

const RULES_PAGE = 'docs/dump-mode-rules.md'
const DRIVERS_README = 'packages/drivers/README.md'
const BEGIN = '<!-- Made by npm run docs from packages/nt/src/dump-mode: begin. Do not edit. -->'
const END = '<!-- end -->'

const MADE = '<!-- Made by npm run docs from packages/nt/src/dump-mode. Do not edit. -->'

const rulesPage = () =>
  [
    '# Rules of dump mode',
    '',
    MADE,
    '',
    'What a storage driver has to keep to while a crash dump is written, and what `dumpstack check` and `dumpstack test --driver` find broken: by the number of the rule,',
    'or by what happened. Each has a page with the reason, an example and how to mend it.',
    '',
    ...DUMP_MODE_RULES.map(({ id, title }) => `- [${id}](rules/${id}.md): ${title}`),
    '',
  ].join('\n')

const rulePage = (rule) =>
  [
    `# ${rule.id}`,
    '',
    MADE,
    '',
    `**${rule.title}** ${rule.why}`,
    '',
    ruleExample(rule),
    '',
    `How to fix it: ${rule.howToFix}`,
    '',
    `Here: ${rule.answer}.`,
    '',
    `Sources: ${ruleSources(rule)}.`,
    '',
    'The example is C in the manner of the driver kit; `IsDump` is the flag that DriverEntry computes from its arguments. All rules: [dump-mode-rules.md](../dump-mode-rules.md).',
    '',
  ].join('\n')

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
    ...DUMP_MODE_RULES.map((rule) => [`docs/rules/${rule.id}.md`, rulePage(rule)]),
    [DRIVERS_README, withRuleRows(readme)],
  ]
}
