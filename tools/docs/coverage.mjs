// docs/coverage.md: what the kit's page of the Crashdump Support Test and the table of the crash dump driver stack ask for,
// entry by entry (docs/coverage.json), and the test that shows it. A test names what it shows in a comment right above it,
// `// covers: KIT-12, STACK-3`; an entry that no test shows says why.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const TAG = /^[ \t]*\/\/ covers: ([A-Z0-9, -]+)\n/gm
/** The test of a tag: `it('title'`, or `it.each(...)('title'` and the like. */
const PLAIN = /^\s*it\(\s*(['"`])((?:\\.|(?!\1).)*)\1/
const WITH_TABLE = /^\s*it\.(?:each|skipIf)\b[\s\S]*?\)\(\s*(['"`])((?:\\.|(?!\1).)*)\1/

/** `{ id, file, title }` of each id that each test names. */
export function testsShown() {
  const shown = []
  for (const folder of ['packages', 'tests', 'tools'])
    for (const name of readdirSync(path.join(root, folder), { recursive: true }).map(String)) {
      const file = path.posix.join(folder, name.split(path.sep).join('/'))
      if (!/\.test\.(ts|mjs)$/.test(file) || /node_modules|\/dist\//.test(file)) continue
      shown.push(...testsIn(file, readFileSync(path.join(root, file), 'utf8')))
    }
  return shown.sort((a, b) => compare(a.id, b.id) || compare(a.file, b.file) || compare(a.title, b.title))
}

/** Throws for a tag that stands above no test, or above one that never runs. */
export function testsIn(file, source) {
  return [...source.matchAll(TAG)].flatMap((tag) => {
    const rest = source.slice(tag.index + tag[0].length)
    const title = (PLAIN.exec(rest) ?? WITH_TABLE.exec(rest))?.[2]
    if (title === undefined) throw new Error(`${file}: '${tag[0].trim()}' stands above no test`)
    const ids = tag[1].split(',').map((id) => id.trim())
    return ids.map((id) => ({ id, file, title: title.replaceAll(/\\(['"`\\])/g, '$1') }))
  })
}

/** What is wrong between entries and tests; empty where each entry has a test or a reason. */
export function contradictions(sections, shown) {
  const entries = sections.flatMap((section) => section.entries)
  const known = new Set(entries.map(({ id }) => id))
  const covered = new Set(shown.map(({ id }) => id))
  return [
    ...entries
      .filter(({ id }, at) => entries.findIndex((one) => one.id === id) !== at)
      .map(({ id }) => `${id} is there twice`),
    ...shown
      .filter(({ id }) => !known.has(id))
      .map(({ id, file }) => `${file} names ${id}, which is no entry`),
    ...entries
      .filter(({ id, notDone }) => !covered.has(id) && notDone === undefined)
      .map(({ id }) => `${id} has neither a test nor a reason`),
  ]
}

function coveragePage(sections, shown) {
  const lines = [
    '# What of the kit is shown by which test',
    '',
    '<!-- Made by npm run docs from docs/coverage.json and the tests. Do not edit. -->',
    '',
    "Each sentence, parameter, message and hint of the kit's page of the Crashdump Support Test, and each row and column of the table of the crash dump driver stack, in own words.",
    'A test names what it shows in a comment above it, `// covers: KIT-12`.',
  ]
  let done = 0
  let partly = 0
  let open = 0
  for (const { title, entries } of sections) {
    lines.push('', `## ${title}`, '', '| | what it says | shown by |', '|---|---|---|')
    for (const { id, what, notDone } of entries) {
      const tests = shown.filter((one) => one.id === id)
      const links = tests.map(
        ({ file, title: test }) => `[${path.posix.basename(file)}](../${file}): ${cell(test)}`,
      )
      if (tests.length === 0) open++
      else if (notDone === undefined) done++
      else partly++
      if (notDone !== undefined)
        links.push(`${tests.length === 0 ? 'not done' : 'the rest is not done'}, because ${cell(notDone)}`)
      lines.push(`| ${id} | ${cell(what)} | ${links.join('<br>')} |`)
    }
  }
  lines.splice(6, 0, '', `${done} are shown, ${partly} in part, ${open} not done.`)
  return `${lines.join('\n')}\n`
}

/** Throws for an entry that has neither a test nor a reason, and for a test that shows no entry. */
export function coveragePages() {
  const sections = sectionsOf()
  const shown = testsShown()
  const wrong = contradictions(sections, shown)
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
  return [['docs/coverage.md', coveragePage(sections, shown)]]
}

const sectionsOf = () => JSON.parse(readFileSync(path.join(root, 'docs/coverage.json'), 'utf8'))

const compare = (a, b) => (a < b ? -1 : Number(a > b))
const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;')
