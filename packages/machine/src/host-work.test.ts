// What controllers move is the host's work: it is counted, charged to the guest code that waits for it, and bounded.
import { expect, it } from 'vitest'
import { HostWork } from './host-work.ts'

it('counts commands, their segments and their bytes', () => {
  const work = new HostWork(undefined)
  work.command(0)
  const command = work.done
  work.command(10)
  expect(work.done).toBeGreaterThan(2 * command)
  const before = work.done
  work.move(0x10000)
  expect(work.done - before).toBe(0x10000 / 32)
})

it('ends a wait in which more moves than any driver asks for, and no longer one after it', () => {
  const work = new HostWork(undefined)
  work.begin()
  work.move(2 ** 31)
  work.check()
  work.move(2 ** 31)
  expect(() => work.check()).toThrow(expect.objectContaining({ code: 'DEVICE_WORK' }))
  work.begin()
  work.check()
})
