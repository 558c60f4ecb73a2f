// Loads a built program. What fails before it runs, such as too many open files, is one line and exit code 4.
export function load(program) {
  import(program).catch((error) => {
    process.stderr.write(`error: the program cannot be loaded: ${String(error.message).split('\n', 1)[0]}\n`)
    process.exitCode = 4
  })
}
