// docs/dump-mode-rules.md and docs/rules, from the table in packages/nt.
import { DUMP_MODE_RULES, ruleExample, ruleSources } from '@dumpstack/nt'

const RULES_PAGE = 'docs/dump-mode-rules.md'
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

export const rulePages = () => [
  [RULES_PAGE, rulesPage()],
  ...DUMP_MODE_RULES.map((rule) => [`docs/rules/${rule.id}.md`, rulePage(rule)]),
]
