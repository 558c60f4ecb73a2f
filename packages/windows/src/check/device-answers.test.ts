import { expect, it } from 'vitest'
import { refusedBy, toleratedBy } from './device-answers.ts'

const controller = 'virtio-blk0'
const refusal = (limit: string, message: string, isTolerated: boolean) => ({
  ...{ controller, limit, message, isTolerated },
  ...{ allowed: 0, found: 1, atNs: 0 },
})

it('names what a device tolerates once for each limit, as it was first', () => {
  const refusals = [
    refusal('A', 'the first', true),
    refusal('seg_max', 'refused', false),
    refusal('A', 'the second', true),
  ]
  expect(toleratedBy({ refusals })).toEqual(['virtio-blk0 tolerates the first'])
  expect(toleratedBy({ refusals: [] })).toEqual([])
})

it('says with a failed request what the device refused, and why it stopped', () => {
  const stop = { controller, reason: 'a loop', atNs: 0 }
  const tolerated = refusal('A', 'tolerated', true)
  expect(refusedBy({ refusals: [tolerated], stops: [] })).toBe('')
  expect(refusedBy({ refusals: [tolerated, refusal('seg_max', '9 segments', false)], stops: [stop] })).toBe(
    '; virtio-blk0 refused 9 segments; virtio-blk0 stopped: a loop',
  )
})
