// An unknown driver, on controllers of which at most one is its own.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DumpstackError } from '@dumpstack/bytes'
import { NotJudged, openSysFile } from '@dumpstack/drivers'
import { controllerNamed } from '@dumpstack/machine'
import { win10_19041 } from '@dumpstack/nt'
import { expect, it } from 'vitest'
import { findDriverController } from '../node/check-driver-file.ts'
import { controllerOf, type StartAttempt } from './find-controller.ts'

const attempt = (
  kind: string,
  code: string | null,
  reached: StartAttempt['reached'] = 'controller',
): StartAttempt => ({
  controller: controllerNamed(kind),
  failure: code === null ? null : new DumpstackError(code, `${code} there`),
  reached,
})

it.each<[string, StartAttempt, StartAttempt, string]>([
  ['starts there', attempt('ahci', 'ADAPTER_ERROR'), attempt('virtio-blk', null, 'adapter'), 'virtio-blk'],
  [
    'starts there, although it faults on another',
    attempt('ahci', 'GUEST_FAULT'),
    attempt('virtio-blk', null, 'adapter'),
    'virtio-blk',
  ],
  [
    'fails on it after it has found it',
    attempt('ahci', 'GUEST_FAULT'),
    attempt('virtio-blk', 'CONTROLLER_FAILED', 'adapter'),
    'virtio-blk',
  ],
  [
    'starts on it after it has failed on one that it also found',
    attempt('ahci', 'IO_FAILED', 'adapter'),
    attempt('virtio-blk', null, 'adapter'),
    'virtio-blk',
  ],
])('takes the controller where a driver %s', (_what, ahci, virtioBlk, expected) => {
  expect(controllerOf('x.sys', [ahci, virtioBlk]).kind).toBe(expected)
})

it.each([
  ['ADAPTER_NOT_FOUND', 'ADAPTER_NOT_FOUND'],
  ['ADAPTER_ERROR', 'ADAPTER_NOT_FOUND'],
  ['ADAPTER_NOT_FOUND', 'GUEST_FAULT'],
  ['GUEST_FAULT', 'DRIVER_HANG'],
])('judges nothing where HwFindAdapter ends as %s and %s', (ahci, virtioBlk) => {
  const find = (): string =>
    controllerOf('x.sys', [attempt('ahci', ahci), attempt('virtio-blk', virtioBlk)]).kind
  expect(find).toThrow(NotJudged)
  expect(find).toThrow(
    `x.sys: no such device: it starts on no controller that is modelled (on ahci: ${ahci} there; on virtio-blk: ${virtioBlk} there), expected a driver for ahci or virtio-blk`,
  )
})

it('takes any controller for a driver that fails before it sees one', () => {
  expect(controllerOf('x.sys', [attempt('ahci', 'DRIVER_HANG', 'entry')]).kind).toBe('ahci')
})

const MINIPORTS = new URL('../../../../guest/miniports/bin/', import.meta.url)
const find = (bytes: Uint8Array): string =>
  findDriverController(
    { file: openSysFile('stranger.sys', bytes), names: { nameAt: () => null } },
    { profile: win10_19041 },
  ).kind
const read = (fileName: string): Uint8Array =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(fileName, MINIPORTS))))

it('asks the code of a driver', () => {
  expect(find(read('dsahci.sys'))).toBe('ahci')
  expect(find(read('dsnvme.sys'))).toBe('nvme')
  expect(find(read('dsvioblk.sys'))).toBe('virtio-blk')
})

it('names a driver for a device of another vendor', () => {
  const driver = Buffer.from(read('dsvioblk.sys'))
  for (let at = driver.indexOf('f41a', 0, 'hex'); at >= 0; at = driver.indexOf('f41a', at, 'hex')) {
    driver.writeUInt16LE(0x144d, at)
  }
  expect(() => find(driver)).toThrow(
    /^stranger\.sys: no such device: .*on ahci: .*SP_RETURN_NOT_FOUND.*on virtio-blk: .*SP_RETURN_NOT_FOUND/,
  )
})
