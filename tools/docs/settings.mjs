// docs/settings.md, from the table of the system and the records of the controllers.
import { CONTROLLERS, expectedOf } from '../../packages/machine/dist/index.js'
import { LIFE_EVENTS, optionName, SYSTEM_RULES, settingText } from '../../packages/windows/dist/index.js'

const HEAD = `# Settings of a life

What \`dumpstack check\` varies from life to life, and what its options set by hand; \`dumpstack test\` takes those of the controller, \`--sector\` and
\`--disk-size\` too. Made from the sources by \`npm run docs\`.

The plan of a check begins with the plain life. The other lives combine settings so that any two values of any two settings occur together (for a setting with many values, its first two
trials); each further trial occurs in at least one life. \`--seed\` decides which trials come first and which settings occur together. The lives with an event come last.
`

const TABLE = `| setting | plain | trials | expected | meaning |
|---|---|---|---|---|
`

const row = (name, key, rule) => {
  if (name === '--port')
    return `| \`--port\` | 0 | the last, one in the middle | a port of the controller | ${rule.summary} |\n`
  const trials = rule.trials.map((value) => settingText(key, value)).join(', ')
  const size = key === 'diskSize'
  const expected = size ? `${settingText(key, rule.min)} to ${settingText(key, rule.max)}` : expectedOf(rule)
  return `| \`${name}\` | ${settingText(key, rule.default)} | ${trials || '-'} | ${expected} | ${rule.summary} |\n`
}

export function settingPages() {
  let text = `${HEAD}\n## The system\n\n${TABLE}`
  for (const [key, rule] of Object.entries(SYSTEM_RULES)) text += row(optionName(key), key, rule)
  text += '\n## Events\n\n| `--event` | what happens |\n|---|---|\n'
  for (const [name, { summary }] of Object.entries(LIFE_EVENTS)) text += `| \`${name}\` | ${summary} |\n`
  for (const { kind, settings } of CONTROLLERS) {
    text += `\n## ${kind}\n\n${TABLE}`
    for (const [key, rule] of Object.entries(settings)) text += row(`--device ${key}=`, key, rule)
  }
  return [['docs/settings.md', text]]
}
