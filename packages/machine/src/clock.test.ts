import { expect, it } from 'vitest'
import { ClockEvent, VirtualClock } from './clock.ts'

it('fires events in order of time, then of arming, each at its own time', () => {
  const clock = new VirtualClock()
  const fired: string[] = []
  const event = (name: string) => new ClockEvent(() => fired.push(`${name}@${clock.nowNs}`))
  const [a, b, c, d] = [event('a'), event('b'), event('c'), event('d')]
  clock.arm(a!, 300)
  clock.arm(b!, 100)
  clock.arm(c!, 300)
  clock.arm(d!, 200)
  clock.disarm(d!)
  expect(clock.nextNs).toBe(100)
  clock.advance(99)
  expect(fired).toEqual([])
  clock.advance(1000)
  expect(fired).toEqual(['b@100', 'a@300', 'c@300'])
  expect(clock.nowNs).toBe(1099)
  expect(clock.nextNs).toBe(Number.POSITIVE_INFINITY)
})

it('an event armed again moves, and one that arms itself comes again', () => {
  const clock = new VirtualClock()
  let count = 0
  const tick = new ClockEvent(() => {
    count++
    if (count < 5) clock.arm(tick, clock.nowNs + 10)
  })
  clock.arm(tick, 1000)
  clock.arm(tick, 10)
  clock.advance(35)
  expect(count).toBe(3)
  clock.advance(1000)
  expect(count).toBe(5)
})
