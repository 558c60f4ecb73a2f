import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { driverFiles } from './driver-files.ts'

const root = mkdtempSync(path.join(tmpdir(), 'dumpstack-files-'))
afterAll(() => rmSync(root, { recursive: true }))
const at = (...names: string[]): string => path.join(root, ...names)
mkdirSync(at('drivers', 'amd64'), { recursive: true })
mkdirSync(at('empty'))
mkdirSync(at('elsewhere'))
for (const file of [
  'drivers/b.sys',
  'drivers/A.SYS',
  'drivers/a.inf',
  'drivers/amd64/c.sys',
  'elsewhere/d.sys',
])
  writeFileSync(at(file), '')
symlinkSync(at('elsewhere'), at('drivers', 'link'))

it('lists the driver files below a folder, follows no link there, and takes a named file as it is', () => {
  const below = [at('drivers', 'A.SYS'), at('drivers', 'amd64', 'c.sys'), at('drivers', 'b.sys')]
  expect(driverFiles([at('drivers')])).toEqual(below)
  expect(driverFiles([at('drivers', 'a.inf'), at('drivers'), at('drivers', 'b.sys')])).toEqual([
    at('drivers', 'a.inf'),
    ...below,
  ])
})

it('refuses a folder without a driver, and what is absent', () => {
  expect(() => driverFiles([at('empty')])).toThrow(/empty has no \.sys file/)
  expect(() => driverFiles([at('nowhere.sys')])).toThrow(/cannot read .*nowhere\.sys/)
})
