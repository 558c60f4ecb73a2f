// The program crashdumptest; its exit codes: docs/crashdumptest.md.
import { runProgram } from './program/program.ts'

await runProgram(
  import.meta.url,
  async () => (await import('./crashdumptest/run-crashdumptest.ts')).runCrashdumptest,
  () => true,
)
