// One of many processes that want the same run folder: in each round it tries once, as soon as the round begins, says what came of it,
// and if it got the folder keeps it until the round ends. Arguments: run folder, folder of signals, rounds.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { lockFolder } from '@dumpstack/run/node'

const [folder, signals, rounds] = process.argv.slice(2)
const cell = new Int32Array(new SharedArrayBuffer(4))
const awaitSignal = (name) => {
  while (!existsSync(path.join(signals, name))) Atomics.wait(cell, 0, 0, 1)
}

for (let round = 0; round < Number(rounds); round++) {
  process.stdout.write(`ready ${round}\n`)
  awaitSignal(`begin-${round}`)
  try {
    const unlock = lockFolder(folder)
    process.stdout.write(`has it ${round}\n`)
    awaitSignal(`end-${round}`)
    unlock()
  } catch (error) {
    if (error.code !== undefined) process.stdout.write(`${error.code} ${round}\n`)
  }
  awaitSignal(`end-${round}`)
}
