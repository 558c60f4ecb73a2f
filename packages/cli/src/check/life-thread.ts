// A thread that runs lives of a plan; what it is to run comes through the port that it is given.
import { MessagePort, workerData } from 'node:worker_threads'
import { controllerNamed } from '@dumpstack/machine'
import { driverLives } from '@dumpstack/windows/node'
import { openDriver } from '../driver/driver-file.ts'
import { profileNamed } from '../test/test-options.ts'
import { claim, type LifeAnswer, type LifeJob } from './life-threads.ts'

const given: unknown = workerData
if (given instanceof MessagePort) {
  given.on('message', (job: LifeJob) => {
    try {
      runLives(job, (answer) => given.postMessage(answer))
    } catch {
      // the thread of the check runs the life itself, and says what came of it
    }
  })
}

function runLives(job: LifeJob, tell: (answer: LifeAnswer) => void): void {
  const { number, file, pdb, sha256, controller, seed, plan, claims, stopFlag } = job
  const profile = profileNamed(job.profile)
  const driver = openDriver(file, pdb)
  try {
    if (profile === undefined || driver.description.sha256 !== sha256) return
    const live = driverLives(driver, { profile, controller: controllerNamed(controller), seed, stopFlag })
    for (const [index, life] of plan.entries())
      if (stopFlag[0] === 0 && claim(claims, index)) tell({ job: number, index, result: live(life) })
  } finally {
    driver.close()
  }
}
