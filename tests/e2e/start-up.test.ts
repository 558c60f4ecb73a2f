// What the program loads before it knows what is asked: its own files, and none of the rooms that tests, debuggers or symbols are made of.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { expect, it } from 'vitest'

const ROOT = path.join(import.meta.dirname, '../..')
const LOAD = `import { writeSync } from 'node:fs';export const load=(url,context,next)=>{writeSync(2,url+'\\n');return next(url,context)}`
const HOOKS = `data:text/javascript,import{register}from'node:module';register('data:text/javascript,'+encodeURIComponent(${JSON.stringify(LOAD)}))`

/** The rooms whose files `dumpstack ARGS` loads. */
function roomsOf(args: readonly string[]): Set<string> {
  const program = path.join(ROOT, 'packages/cli/bin/dumpstack.js')
  const { status, stderr } = spawnSync(process.execPath, ['--import', HOOKS, program, ...args], {
    encoding: 'utf8',
  })
  expect(status).toBe(0)
  return new Set(Array.from(stderr.matchAll(/\/packages\/(\w+)\/dist\//g), ([, room]) => room!))
}

it.each([['--version'], ['--help'], ['help'], ['help kd'], ['pdb --help'], ['cmd --help'], ['help verify']])(
  'loads none of them for %s',
  (line) => {
    expect(roomsOf(line.split(' '))).toEqual(new Set(['cli', 'bytes']))
  },
)

it('loads them for a command that runs a test', () => {
  expect(roomsOf(['stack']).has('crashtest')).toBe(true)
})
