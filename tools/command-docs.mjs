// Writes docs/commands from the help of kd's commands. A test holds the pages against the help.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { COMMANDS, commandIndex, commandPage, pageName } from '../packages/debugger/dist/index.js'

const folder = fileURLToPath(new URL('../docs/commands', import.meta.url))
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
writeFileSync(path.join(folder, 'README.md'), commandIndex(COMMANDS))
for (const command of COMMANDS) writeFileSync(path.join(folder, pageName(command)), commandPage(command))
