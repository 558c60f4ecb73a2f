// A controller is in three lists: the machine's, the miniports, and the rows of a profile. They agree, and a failing test names the file to
// touch.
import { CONTROLLERS } from '@dumpstack/machine'
import { controllerDrivers, drivenControllers, PROFILES } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { miniportNamed } from './index.ts'

const kinds = CONTROLLERS.map(({ kind }) => kind)

describe.each(PROFILES)('$name', (profile) => {
  it('has a row or a reason for each controller', () => {
    for (const kind of kinds) {
      const what = `stack of packages/nt/src/profile/${profile.name}/profile.ts: a row for ${kind}, or the reason for none`
      expect(Object.keys(profile.stack), what).toContain(kind)
    }
  })

  it('names controllers that a machine can have, and miniports that are there', () => {
    for (const kind of drivenControllers(profile)) {
      expect(kinds).toContain(kind)
      expect(miniportNamed(controllerDrivers(profile, kind).miniport).fileName).toMatch(/\.sys$/)
    }
  })
})
