// `npm run docs` writes every page and schema that is made from the sources. docs.test.mjs holds the files against them.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandPages } from './docs/commands.mjs'
import { coveragePages } from './docs/coverage.mjs'
import { devicePages } from './docs/devices.mjs'
import { rulePages } from './docs/rules.mjs'
import { schemaFiles } from './docs/schemas.mjs'
import { settingPages } from './docs/settings.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))
/** Every file in these folders is made, so that one that is no longer made goes. */
const MADE_FOLDERS = ['docs/commands', 'docs/rules']

/** `[file, text]` of each, with its path from the root. */
export const madeFiles = () => [
  ...commandPages(),
  ...coveragePages(),
  ...devicePages(),
  ...rulePages(),
  ...schemaFiles(),
  ...settingPages(),
]

/** Files of the folders above that nothing makes. */
export function leftOver(made) {
  const names = new Set(made.map(([file]) => file))
  return MADE_FOLDERS.flatMap((folder) =>
    readdirSync(path.join(root, folder)).map((name) => `${folder}/${name}`),
  ).filter((file) => !names.has(file))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = madeFiles()
  for (const file of leftOver(made)) rmSync(path.join(root, file))
  for (const [file, text] of made) writeFileSync(path.join(root, file), text)
  const biome = path.join(root, 'node_modules/@biomejs/biome/bin/biome')
  const formatted = spawnSync(process.execPath, [biome, 'format', '--write', 'docs/schema'], { cwd: root })
  process.exitCode = formatted.status ?? 1
}
