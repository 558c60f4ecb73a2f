// The check of driver files as JUnit XML: a suite for each driver, with a case for each life and one for each finding.
import { xmlText } from '@dumpstack/crashtest'
import type { CheckedFile, CheckedFinding, CheckOptions } from './check-file.ts'

type CheckedWith = Pick<CheckOptions, 'isStrict' | 'seed' | 'profile'> & { readonly toolVersion: string }

interface Case {
  readonly name: string
  readonly outcome: 'pass' | 'failure' | 'skipped'
  readonly message: string
}

/** `brokenOff` says why not all files were checked; null where they were. */
export function checkJunit(
  checked: readonly CheckedFile[],
  request: CheckedWith,
  brokenOff: string | null,
): string {
  const suites = checked.map((one) => ({ one, cases: casesOf(one, request.isStrict) }))
  const errors = brokenOff === null ? 0 : 1
  const all = suites.flatMap(({ cases }) => cases)
  const seconds = checked.reduce((sum, { hostSeconds }) => sum + hostSeconds, 0)
  const out = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="dumpstack check" ${totals(all, seconds, errors)}>`,
  ]
  if (brokenOff !== null) {
    const text = xmlText(brokenOff)
    out.push(
      `  <testsuite name="run" ${totals([], 0, errors)}>`,
      `    <testcase classname="run" name="reaches its end" time="0.000"><error message="${text}">${text}</error></testcase>`,
      '  </testsuite>',
    )
  }
  for (const { one, cases } of suites) {
    const name = xmlText(one.driver.fileName)
    out.push(
      `  <testsuite name="${name}" ${totals(cases, one.hostSeconds)}>`,
      '    <properties>',
      ...propertiesOf(one, request).map(
        ([key, value]) => `      <property name="${key}" value="${xmlText(value)}"/>`,
      ),
      '    </properties>',
      ...cases.map((entry) => caseLine(name, entry)),
      '  </testsuite>',
    )
  }
  out.push('</testsuites>', '')
  return out.join('\n')
}

function propertiesOf(
  { driver, controller, runs }: CheckedFile,
  { toolVersion, seed, profile }: CheckedWith,
): [string, string][] {
  const machineSeconds = runs.reduce((sum, run) => sum + run.machineSeconds, 0)
  return [
    ['dumpstack', toolVersion],
    ['profile', profile.name],
    ['controller', controller],
    ['seed', String(seed)],
    ...(driver.executed ? [['sha256', driver.sha256] satisfies [string, string]] : []),
    ['machine seconds', machineSeconds.toFixed(3)],
  ]
}

function casesOf({ runs, findings }: CheckedFile, isStrict: boolean): Case[] {
  return [
    ...runs.map(({ setting }): Case => ({ name: `life: ${setting}`, outcome: 'pass', message: '' })),
    ...findings.map((finding): Case => {
      const { rule, call, setting, message, source, repro, knownIssue } = finding
      const place = source === undefined ? '' : ` (${source.file}:${source.line})`
      const known = knownIssue === undefined ? '' : `known: ${knownIssue}: `
      return {
        name: `${rule} ${call}: ${setting}`,
        outcome: isFailure(finding, isStrict) ? 'failure' : 'skipped',
        message: `${known}${message}${place}; again: ${repro}`,
      }
    }),
  ]
}

const isFailure = ({ verdict, knownIssue }: CheckedFinding, isStrict: boolean): boolean =>
  knownIssue === undefined && (verdict === 'fail' || (isStrict && verdict === 'warning'))

function caseLine(suite: string, { name, outcome, message }: Case): string {
  const open = `    <testcase classname="${suite}" name="${xmlText(name)}" time="0.000"`
  const text = xmlText(message)
  if (outcome === 'pass') return `${open}/>`
  const inner =
    outcome === 'failure' ? `<failure message="${text}">${text}</failure>` : `<skipped message="${text}"/>`
  return `${open}>${inner}</testcase>`
}

function totals(cases: readonly Case[], seconds: number, errors = 0): string {
  const count = (outcome: Case['outcome']): number => cases.filter((one) => one.outcome === outcome).length
  return `tests="${cases.length + errors}" failures="${count('failure')}" errors="${errors}" skipped="${count('skipped')}" time="${seconds.toFixed(3)}"`
}
