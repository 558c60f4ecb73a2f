// The folder of guest images has what the rows of a profile name; a failing test names the file to write.
import { miniportNamed } from '@dumpstack/drivers'
import { parsePe } from '@dumpstack/image'
import { controllerDrivers, drivenControllers, PROFILES } from '@dumpstack/nt'
import { describe, expect, it } from 'vitest'
import { readGuestImages } from './guest-images.ts'

const ROUTINES = ['HwFindAdapter', 'HwInitialize', 'HwStartIo', 'HwInterrupt', 'HwResetBus']

describe.each(PROFILES)('$name', (profile) => {
  const images = readGuestImages(profile)

  it.each(drivenControllers(profile))('has the image of the miniport of %s, by its symbolPrefix', (kind) => {
    const { miniport } = controllerDrivers(profile, kind)
    const source = `guest/src/stack/${miniport.replace(/\.sys$/, '.c')}`
    const bytes = images.get(miniport)
    expect(
      bytes,
      `guest/${profile.guestImages}/${miniport}: write ${source}, add it to guest/build.sh, npm run guest`,
    ).toBeDefined()
    const { symbolPrefix } = miniportNamed(miniport)
    const { exports } = parsePe(bytes!)
    for (const routine of ROUTINES)
      expect([...exports.keys()], `${source} and the symbolPrefix of ${miniport}`).toContain(
        symbolPrefix + routine,
      )
  })

  it.each(drivenControllers(profile))('has the images of the dump stack of %s', (kind) => {
    const { broker, images: stack, runtimePort } = controllerDrivers(profile, kind)
    for (const name of [runtimePort, broker.nameOnDisk, ...stack.map(({ nameOnDisk }) => nameOnDisk)])
      expect([...images.keys()], `guest/${profile.guestImages}`).toContain(name)
  })
})
