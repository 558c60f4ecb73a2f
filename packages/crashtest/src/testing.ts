// A system and symbols for tests of the rooms that drive the test.
export * from './fake-symbols.test-support.ts'
export * from './fake-target.test-support.ts'
