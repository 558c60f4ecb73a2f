import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// Tests run against the sources: every room exports a `source` condition beside its built files.
const shared = {
  ssr: { resolve: { conditions: ['source'] } },
  test: { setupFiles: ['tools/property-seed.mjs'], testTimeout: 60_000, hookTimeout: 120_000 },
}
const project = (name: string, test: object) => ({ ...shared, test: { ...shared.test, name, ...test } })

/** The tests across rooms that `npm test` runs: one walk through the whole, and each judge that takes seconds. */
const QUICK = [
  'tests/e2e/smoke.test.ts',
  'tests/conformance/{cabinet,exception-scopes,miniports,pdb-page-sizes,pe-llvm}.test.ts',
  'tests/conformance/{stack-round-trip,windows-codes}.test.ts',
]

/** What compiles drivers and images of `guest/`. */
const GUESTS = ['tests/conformance/{compilers,defects,guest,guest-types,hostile}.test.ts']

/** Forty whole checks, which take a quarter of an hour: `npm run bug-score` runs them. */
const SCORE = ['tests/conformance/mutants.test.ts']

/** Kernels and firmware on an emulated processor, nearly a minute for each controller: `npm run strangers` runs them. */
const STRANGERS = ['tests/strangers/{linux,ovmf,settings}.test.ts']

// `npm test` runs `rooms` and `quick`, `npm run check` all but `score` and `strangers`. Tests of rooms share a process: they leave no state in it.
export default defineConfig({
  test: {
    projects: [
      project('rooms', { include: ['packages/*/src/**/*.test.ts', 'tools/**/*.test.mjs'], isolate: false }),
      project('quick', { include: QUICK }),
      project('thorough', {
        include: ['tests/**/*.test.ts'],
        exclude: [...QUICK, ...GUESTS, ...SCORE, ...STRANGERS],
      }),
      project('guests', { include: GUESTS }),
      project('score', { include: SCORE }),
      project('strangers', { include: STRANGERS }),
    ],
    maxWorkers: availableParallelism(), // the default leaves one of two idle
    reporters: ['default', './tools/skip-reporter.mjs'],
  },
})
