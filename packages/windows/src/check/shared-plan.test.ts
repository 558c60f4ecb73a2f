import fc from 'fast-check'
import { expect, it } from 'vitest'
import { runPlan, type SharedPlan } from './shared-plan.ts'

/** Another thread that claims the lives of `taken`, and has the results of `ready` of them at the n-th question on. */
function otherThread(taken: ReadonlySet<number>, ready: ReadonlyMap<number, number>): SharedPlan<string> {
  let questions = 0
  return {
    claim: (index) => !taken.has(index),
    result: (index) =>
      (ready.get(index) ?? Number.POSITIVE_INFINITY) <= questions++ ? `there ${index}` : null,
    close: () => {},
  }
}

function told(count: number, shared: SharedPlan<string> | undefined, endsFirst = false): Map<number, string> {
  const results = new Map<number, string>()
  runPlan(count, shared, {
    live: (index) => `here ${index}`,
    endsPlan: () => endsFirst,
    done: (index, result) => {
      expect(results.has(index)).toBe(false)
      results.set(index, result)
    },
  })
  return results
}

it('has each life once, wherever it was run and whatever never came', () => {
  const claims = fc.array(fc.record({ isTaken: fc.boolean(), readyAt: fc.nat(20) }), {
    minLength: 1,
    maxLength: 30,
  })
  fc.assert(
    fc.property(claims, fc.boolean(), (lives, hasDied) => {
      const taken = new Set(lives.flatMap(({ isTaken }, index) => (isTaken && index > 0 ? [index] : [])))
      const ready = new Map(hasDied ? [] : [...taken].map((index) => [index, lives[index]!.readyAt]))
      const results = told(lives.length, otherThread(taken, ready))
      expect([...results.keys()].sort((a, b) => a - b)).toEqual([...lives.keys()])
      for (const [index, result] of results) if (!ready.has(index)) expect(result).toBe(`here ${index}`)
    }),
  )
})

it('takes nothing of another thread where the first life ends the plan', () => {
  const shared = otherThread(
    new Set([1, 2]),
    new Map([
      [1, 0],
      [2, 0],
    ]),
  )
  expect(told(3, shared, true)).toEqual(new Map([[0, 'here 0']]))
})

it('tells of what other threads have where it is interrupted', () => {
  const results = new Map<number, string>()
  const run = () =>
    runPlan(3, otherThread(new Set([1]), new Map([[1, 0]])), {
      live: (index) => {
        if (index === 2) throw new Error('interrupted')
        return `here ${index}`
      },
      endsPlan: () => false,
      done: (index, result) => results.set(index, result),
    })
  expect(run).toThrow('interrupted')
  expect(results).toEqual(
    new Map([
      [0, 'here 0'],
      [1, 'there 1'],
    ]),
  )
})

it('runs alone without another thread', () => {
  expect([...told(3, undefined).values()]).toEqual(['here 0', 'here 1', 'here 2'])
})
