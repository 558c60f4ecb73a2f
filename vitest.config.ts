import { defineConfig } from 'vitest/config'

// Tests run against the sources: every room exports a `source` condition beside its built files.
export default defineConfig({
  ssr: { resolve: { conditions: ['source'] } },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'tests/**/*.test.ts', 'tools/**/*.test.mjs'],
    setupFiles: ['tools/property-seed.mjs'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
