// The program crashdumptest; its exit codes: docs/crashdumptest.md.
import { runProgram } from './program.ts'

await runProgram(
  import.meta.url,
  async () => (await import('./crashdumptest.ts')).runCrashdumptest,
  () => true,
)
