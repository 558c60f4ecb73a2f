// Loads a program: as a clone builds it, or as the package holds it. What fails before it runs, such as too many open files, is one line
// and exit code 4.
import { existsSync } from 'node:fs'

export function load(name) {
  const program = ['dist', 'lib']
    .map((folder) => new URL(`../${folder}/${name}`, import.meta.url))
    .find(existsSync)
  if (program === undefined)
    return fail('the program is not built: run `npm start` in the clone, or `npm run build`')
  import(program.href).catch((error) =>
    fail(`the program cannot be loaded: ${String(error.message).split('\n', 1)[0]}`),
  )
}

function fail(why) {
  process.stderr.write(`error: ${why}\n`)
  process.exitCode = 4
}
