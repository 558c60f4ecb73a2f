// One of the processes that want the same run folder: in each round it tries once, as soon as the round begins, says what came of it,
// and if it got the folder keeps it until the round ends. Arguments: run folder, folder of signals, rounds, timing of the lock as JSON.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { RunLock } from '@dumpstack/run/node'

const [folder, signals, rounds, timing] = process.argv.slice(2)
const cell = new Int32Array(new SharedArrayBuffer(4))
const awaitSignal = (name) => {
  while (!existsSync(path.join(signals, name))) Atomics.wait(cell, 0, 0, 1)
}

for (let round = 0; round < Number(rounds); round++) {
  process.stdout.write(`ready ${round}\n`)
  awaitSignal(`begin-${round}`)
  try {
    const lock = await RunLock.take(folder, { timing: JSON.parse(timing) })
    process.stdout.write(`has it ${round}\n`)
    awaitSignal(`end-${round}`)
    lock.verify()
    lock.release()
  } catch (error) {
    process.stdout.write(`${error.code ?? error} ${round}\n`)
  }
  awaitSignal(`end-${round}`)
}
