// The program kd: exit codes 0, 1 for a file that is no readable dump, 2 for usage, 4 for infrastructure.
import { runProgram } from './program/program.ts'

await runProgram(
  import.meta.url,
  async () => (await import('./kd/run-kd.ts')).runKd,
  () => false,
)
