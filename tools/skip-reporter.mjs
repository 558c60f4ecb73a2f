// Ends a run of vitest with one line that says why tests were skipped here, and what to install for them.
// tools/judges.txt names the independent programs that judge our bytes, and the Debian package of each; .ci/run installs them.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'

const judges = readFileSync(new URL('judges.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')
const folders = (process.env.PATH ?? '').split(path.delimiter)
const isInstalled = (command) => folders.some((folder) => existsSync(path.join(folder, command)))

/** `names` are those of the skipped tests, which say `needs shared/data` or the like; `packages` those that are missing. */
export function skipLine(names, packages) {
  const inputs = names.filter((name) => name.includes('shared/data')).length
  const reasons = [
    ...(inputs > 0 ? [`${inputs} need real inputs in ../shared/data, which are not published`] : []),
    ...(names.length > inputs
      ? [
          packages.length > 0
            ? `${names.length - inputs} need programs (apt-get install ${packages.join(' ')})`
            : `${names.length - inputs} need what this machine lacks, as their names say`,
        ]
      : []),
  ]
  return `${names.length} tests were skipped: ${reasons.join('; ')}. npm test -- --reporter=verbose names them.`
}

export default class SkipReporter {
  #config
  onInit({ config }) {
    this.#config = config
  }
  onTestRunEnd(modules) {
    // -t skips by name what is not asked for, which says nothing of this machine
    if (this.#config.testNamePattern !== undefined) return
    const skipped = modules
      .flatMap((module) => [...module.children.allTests('skipped')])
      .map((test) => test.fullName)
    const packages = judges
      .map((line) => line.split(' '))
      .filter(([command]) => !isInstalled(command))
      .map(([, name]) => name)
    if (skipped.length > 0) process.stderr.write(`${skipLine(skipped, packages)}\n`)
  }
}
