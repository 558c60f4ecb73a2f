// Words that stand for an older manner of writing here: what to write in their place, and why. english.test.mjs holds the list.
// Kept short, and free of false alarms on ordinary English; style is judged by a reader, not by this list.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** Order, not place: what one stands behind is a wall, a controller or an interface, never the end of a file. */
const ORDERED =
  'behind (?:(?:a|an|the|its|their|that|each|another|every) )?(?:(?:first|last|next|right) )?' +
  '(?:blocks?|call|dump|end|headers?|instruction|jump|last|list|other|prolog|routine|segment|signature|symbols|table|write)\\b'

/** `not`: a regular expression; `write`: what to write; `why`: the reason. */
export const RULES = [
  {
    not: /\b(?:[Nn]o|[Ss]ome|[Aa]ny)body\b/,
    write: 'the actor: unclaimed, unwritten, not promised, the caller, another driver',
    why: 'they are people, and registers, bytes and callers are not',
  },
  { not: /\bwhoever\b/i, write: 'the caller, the reader, a process that', why: 'the actor has a name' },
  {
    not: /\b(?:for|to|by) who (?!is|are|was|were\b)\w+/i,
    write: 'callers that, the reader of',
    why: 'the actor has a name',
  },
  { not: new RegExp(`\\b${ORDERED}`, 'i'), write: 'after, past', why: 'behind is a place, after an order' },
  { not: /\bin vain\b/i, write: 'fails, without effect, timed out', why: 'a reader wants what happens' },
  { not: /\b(?:to be|is|are) had\b/i, write: 'available, left', why: 'plain words' },
  { not: /\bstints?\b/i, write: 'boot session', why: 'one word for one concept' },
  {
    not: /\b(?:stands? there\b|rip stands\b|stands? at `?rip\b)/i,
    write: 'rip points to, is at, is written there',
    why: 'code and numbers do not stand',
  },
  {
    not: /(?<![A-Z_'])(?:MAXIMUM|MOST|LONGEST|LARGEST|HIGHEST|FEWEST|LEAST)(?:_[A-Z]|\b(?= =))/,
    write: 'MAX_, MIN_',
    why: 'one word for one concept; names of a specification are in quotes or have its prefix',
  },
  {
    not: /\b(?:comes to (?:its|the same|the) (?:end|result|state|verdict)|what it comes to)\b/i,
    write: 'ends, ends with, has the result',
    why: 'a plain verb',
  },
  { not: /\bwhat is no\b/i, write: 'a file (an address, a text) that is no', why: 'the noun is known' },
  {
    not: /\b(?:pages?|memory|programs|patches|stores|bits|packages?) of others\b/i,
    write: 'outside the dump path, of other owners, third-party',
    why: 'whose it is decides the verdict',
  },
  {
    not: /\b(?:never|not) believed\b|\b(?:port|debugger|reader|driver|test|kernel)s? believes?\b/i,
    write: 'trusted, checked, used',
    why: 'programs check or use a value',
  },
  { not: /\bhangs? on (?!the first|a )[a-z]/i, write: 'depends on', why: 'to hang is to stop responding' },
  {
    not: /\bhears? (?:of |no )?(?:signals?|them|it|Ctrl)\b|\bsignals are heard\b/i,
    write: 'receives, is told of',
    why: 'threads receive signals',
  },
]

const APART = /^docs\/adr\/|^CHANGELOG\.md$|__golden__|^tools\/english(?:\.test)?\.mjs$/

/** The files that the list is held against, from the root of the repository. */
export const filesToRead = (root) =>
  execFileSync('git', ['ls-files', '-z', '*.ts', '*.mjs', '*.md', '*.c', '*.h', '*.S'], {
    cwd: root,
    encoding: 'utf8',
  })
    .split('\0')
    .filter((file) => file !== '' && !APART.test(file))

/** One line for each place: `file:line: 'words': write ..., because ...`. */
export function oldManner(name, text) {
  if (!RULES.some(({ not }) => not.test(text))) return []
  return text.split('\n').flatMap((line, index) =>
    RULES.flatMap(({ not, write, why }) => {
      const found = not.exec(line)
      return found === null ? [] : [`${name}:${index + 1}: '${found[0]}': write ${write} (${why})`]
    }),
  )
}

export const readAll = (root) =>
  filesToRead(root).flatMap((file) => oldManner(file, readFileSync(path.join(root, file), 'utf8')))
