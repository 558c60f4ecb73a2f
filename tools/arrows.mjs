// The arrows of the house as lint rules: a room imports only what its package.json names, and `node:` modules only in
// src/node, tests and the command line. `--write` writes .oxlintrc.json; without it the file must be up to date.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'

const root = new URL('..', import.meta.url)
const rooms = readdirSync(new URL('packages/', root))
  .sort()
  .map((folder) => ({
    folder,
    ...JSON.parse(readFileSync(new URL(`packages/${folder}/package.json`, root), 'utf8')),
  }))
const doors = (room) =>
  Object.keys(room.exports).map((door) => (door === '.' ? room.name : `${room.name}${door.slice(1)}`))
const nodeModules = builtinModules
  .filter((name) => !name.startsWith('_'))
  .flatMap((name) => [name, `node:${name}`])
  .concat('node:test')
const noNode = nodeModules.map((name) => ({
  name,
  message: 'node: modules belong in src/node, tests and the cli',
}))

function closedDoors(room, { test }) {
  const typeOnly = room.dumpstack?.typeOnly ?? []
  const open = new Set([...Object.keys(room.dependencies ?? {}), room.name])
  if (test) for (const name of Object.keys(room.devDependencies ?? {})) open.add(name)
  return rooms
    .filter((other) => !open.has(other.name))
    .flatMap((other) =>
      doors(other).map((name) => ({
        name,
        message: `${room.name} does not name ${other.name} in its package.json`,
        ...(typeOnly.includes(other.name) && { allowTypeImports: true }),
      })),
    )
}

const rule = (paths) => ({ 'no-restricted-imports': ['error', { paths }] })
const overrides = rooms.flatMap((room) => {
  const base = `packages/${room.folder}/src`
  const isCli = room.folder === 'cli'
  const inner = closedDoors(room, { test: false })
  return [
    { files: [`${base}/**`], rules: rule(isCli ? inner : [...inner, ...noNode]) },
    { files: [`${base}/node/**`], rules: rule(inner) },
    { files: [`${base}/**/*.test.ts`], rules: rule(closedDoors(room, { test: true })) },
  ]
})
const config = {
  plugins: ['typescript', 'import', 'oxc', 'unicorn'],
  categories: { correctness: 'error' },
  rules: { 'import/no-cycle': 'error' },
  ignorePatterns: ['**/dist/**', 'node_modules/**'],
  overrides,
}

const file = new URL('.oxlintrc.json', root)
const text = `${JSON.stringify(config, null, 1)}\n`
if (process.argv.includes('--write')) {
  writeFileSync(file, text)
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('.oxlintrc.json does not match the package.json files: run npm run arrows')
  process.exit(1)
}
