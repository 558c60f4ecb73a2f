import { expect, it } from 'vitest'
import { Steps } from './steps.ts'

it('hears a stop inside one percent of long work', async () => {
  const controller = new AbortController()
  const reason = new Error('stop')
  setTimeout(() => controller.abort(reason), 0)
  let ms = 0
  const steps = new Steps({ emit() {}, now: () => 0, hostNow: () => (ms += 10), signal: controller.signal })
  function* work(): Generator<number, string> {
    for (let turn = 0; turn < 100_000; turn++) yield 1
    return 'done'
  }
  await expect(steps.drain(work())).rejects.toBe(reason)
  expect(ms).toBeLessThan(2000)
})
