// The report of a run as a page: what a person asks first stands first.
import { hex, hex64 } from '@dumpstack/bytes'
import { eventText, grouped, type Verdict } from '@dumpstack/crashtest'
import { type Html, html } from '../page/html.ts'
import { folded, reportPage, type Section, table, terms, verdictBox } from '../page/page.ts'
import { asSentence, badge, bytesText, clock, seconds } from '../page/words.ts'
import { findingSection, findingsOf } from './finding-sections.ts'
import { memoryFigure } from './memory-figure.ts'
import { type DumpFacts, nameOf, type RunFacts, type SystemFacts, variantText } from './run-facts.ts'
import { diskExtents, writeTimeline } from './write-figures.ts'

// No run that came to its end by itself has more; a journal may come from anywhere.
const MAX_SYSTEMS = 20
const MAX_SCREEN_LINES = 50
const MAX_MESSAGES = 1000

export function runPage(facts: RunFacts): string {
  const { systems, dumps, steps, messages } = facts
  const found = findingsOf(dumps)
  const sections: Section[] = [
    { id: 'dumps', title: 'Dumps', body: dumpTable(dumps) },
    { id: 'findings', title: 'Findings', body: findingSection(found) },
    { id: 'steps', title: 'Steps', body: stepTable(steps) },
    ...dumps.map((dump, index) => ({
      id: `dump-${index + 1}`,
      title: titleOf(dump),
      body: dumpSection(dump),
    })),
    { id: 'stack', title: 'Crash dump stack', body: html`${systems.slice(0, MAX_SYSTEMS).map(stackTable)}` },
    { id: 'messages', title: 'Messages', body: messageTable(messages) },
  ]
  return reportPage(
    `Crashdump Support Test: ${facts.verdict ?? 'not ended'}`,
    head(facts, found.rules.length + found.checks.length),
    sections,
  )
}

const titleOf = (dump: DumpFacts): string => nameOf(dump).replace(/^./, (first) => first.toUpperCase())

function head({ verdict, productVersion, runId, systems, dumps }: RunFacts, findings: number): Html {
  const [first] = systems
  return html`<h1>Crashdump Support Test</h1>
<p>The report of a run of Dumpstack ${productVersion}.</p>
${verdictBox(verdict, verdictText(verdict, dumps, findings))}
${terms([
  ...(first === undefined ? [] : systemTerms(first)),
  ['Variants', systems.length > 1 ? systems.map(({ variant }) => variant).join(', ') : null],
  ['Run', html`<code>${runId}</code>`],
])}`
}

function verdictText(verdict: Verdict | null, dumps: readonly DumpFacts[], findings: number): string {
  if (verdict === null) return 'The run has not come to its end: it was stopped or killed, or it goes on.'
  if (verdict === 'pass') return 'Every step and every check of the run passed.'
  const unjudged = dumps.filter(({ examination }) => examination === null).length
  const sentences = [
    ...(findings === 0 ? [] : [`There ${findings === 1 ? 'is 1 finding' : `are ${findings} findings`}.`]),
    ...(unjudged === 0 ? [] : [`${unjudged} ${unjudged === 1 ? 'dump was' : 'dumps were'} not examined.`]),
  ]
  return sentences.length === 0 ? 'A step did not pass: the messages say why.' : sentences.join(' ')
}

function systemTerms({ target, seed }: SystemFacts): readonly (readonly [string, Html | string | null])[] {
  const { profile, controller, driver, cpuCount, ramBytes, pageFileBytes } = target
  return [
    [
      'System',
      `${profile}, ${cpuCount} ${cpuCount === 1 ? 'processor' : 'processors'}, ${bytesText(ramBytes)} of RAM`,
    ],
    ['Page file', bytesText(pageFileBytes)],
    ['Controller', controller],
    [
      'Driver file',
      driver === undefined
        ? null
        : html`${driver.fileName}, ${grouped(driver.byteLength)} bytes, SHA-256 <code>${driver.sha256}</code>`,
    ],
    [
      'Its PDB',
      driver === undefined
        ? null
        : driver.pdb === null
          ? 'The file names none.'
          : `${driver.pdb.name}, ${driver.pdb.found ? 'found' : 'not found'}`,
    ],
    ['Seed', String(seed)],
  ]
}

const dumpTable = (dumps: readonly DumpFacts[]): Html =>
  table(
    'The result of the run for each dump',
    ['Dump', 'Verdict', 'Size', 'Compared', 'Time to write', 'File'],
    dumps.map((dump, index) => {
      const { examination, crash } = dump
      const truth = examination?.truth ?? null
      return [
        html`<a href="#dump-${index + 1}">${nameOf(dump)}</a>`,
        examination === null ? 'not examined' : badge(examination.verdict),
        examination === null || examination.byteLength === 0 ? '–' : bytesText(examination.byteLength),
        truth === null ? '–' : `${grouped(truth.compared)} ${truth.unit}`,
        crash === null ? '–' : seconds(crash.seconds),
        examination?.file == null ? '–' : html`<code>${examination.file}</code>`,
      ]
    }),
  )

function stepTable(steps: RunFacts['steps']): Html {
  const rows = steps.map(({ variant, title, dump, beganAt, end }) => [
    `${title}${dump === null ? '' : `, ${dump} dump`}${variantText(variant)}`,
    end === null ? 'did not end' : badge(end.verdict),
    clock(beganAt),
    end === null ? '–' : seconds((end.at - beganAt) / 1000),
    end === null ? '–' : seconds(end.hostSeconds),
  ])
  return table(
    'Steps in their order; the clock is that of the system under test, in UTC',
    ['Step', 'Verdict', 'Began at', 'Lasted', 'Time of the host'],
    rows,
  )
}

function dumpSection(dump: DumpFacts): Html {
  const { crash, examination, events, writes } = dump
  const name = nameOf(dump)
  return html`<h3>Blue screen</h3>
${
  crash === null
    ? html`<p>The run did not come to the end of this crash.</p>`
    : html`<pre class="screen">${crash.screen.slice(0, MAX_SCREEN_LINES).map((line) => html`${line}\n`)}</pre>
${terms([
  ['Crashed at', clock(crash.crashedAt)],
  ['Final status', html`<code>${hex(crash.finalStatus)}</code>`],
  ['Written', bytesText(crash.bytesWritten)],
  ['Ended early', crash.failure === undefined ? null : asSentence(crash.failure)],
  [
    'Not judged',
    crash.notJudged === undefined ? null : html`<code>${crash.notJudged}</code>, which is not modelled`,
  ],
  [
    'Disk at the crash',
    `${crash.inFlight.commands} commands in flight, ${crash.inFlight.completed} moved data after the crash, ${crash.inFlight.leaked.length} changed sectors without completion`,
  ],
])}`
}
<h3>Memory</h3>
${memoryFigure(dump)}
<h3>Page file on the disk</h3>
${writes === null ? html`<p>The dump port wrote nothing.</p>` : diskExtents(writes)}
<h3>Timeline of the writes</h3>
${writes === null ? html`<p>The dump port wrote nothing.</p>` : writeTimeline(writes)}
<h3>Checks</h3>
${examination === null ? html`<p>The dump was not examined.</p>` : checks(examination.checks, name)}
${
  events.length === 0
    ? ''
    : html`<h3>Event log after the crash</h3>\n${table(
        `Events of the system, ${name}`,
        ['Time', 'Event'],
        events.map((event) => [clock(event.at), html`<div class="wide">${eventText(event)}</div>`]),
      )}`
}`
}

function checks(outcomes: NonNullable<DumpFacts['examination']>['checks'], name: string): Html {
  const passed = outcomes.filter(({ verdict }) => verdict === 'pass').length
  const rows = outcomes.map(({ id, verdict, message, causedBy }) => [
    html`<code>${id}</code>`,
    badge(verdict),
    html`<div class="wide">${asSentence(message)}${causedBy === undefined ? '' : ` The cause is that of ${causedBy}.`}</div>`,
  ])
  return html`<p>${passed} of ${outcomes.length} checks pass.</p>
${folded('All checks', table(`Checks of the ${name}`, ['Check', 'Verdict', 'What was found'], rows))}`
}

const stackTable = ({ target, variant }: SystemFacts): Html =>
  table(
    `Drivers of ${target.profile}, controller ${target.controller}${variantText(variant)}`,
    ['On disk', 'Loaded as', 'Base', 'Size', 'State', 'Purpose'],
    target.stack.map(({ nameOnDisk, baseName, base, size, state, purpose }) => [
      html`<code>${nameOnDisk}</code>`,
      html`<code>${baseName}</code>`,
      html`<code>${hex64(base)}</code>`,
      html`<code>${hex(size)}</code>`,
      state,
      purpose,
    ]),
  )

function messageTable(messages: RunFacts['messages']): Html {
  if (messages.length === 0) return html`<p>The test said nothing.</p>`
  const rest = messages.length - MAX_MESSAGES
  return html`<ol class="messages">
${messages
  .slice(0, MAX_MESSAGES)
  .map(
    ({ at, level, text }) =>
      html`<li class="${level === 'x' ? 'bad' : 'plain'}"><span class="mono">${clock(at)} (${level})</span> ${text}</li>\n`,
  )}</ol>
${rest > 0 ? html`<p class="note">${rest} more messages are not shown.</p>` : ''}`
}
