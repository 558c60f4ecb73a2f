import { FileSource } from '@dumpstack/bytes/node'
import { messageLine } from '@dumpstack/crashtest'
import { expect, it } from 'vitest'
import { openDumpFile } from './open-dump-file.ts'

const file = new URL('../../package.json', import.meta.url).pathname
const { signal } = new AbortController()

const busy = (): Error =>
  Object.assign(new Error('EBUSY: resource busy or locked, open'), { code: 'EBUSY', errno: -16 })

it('asks again every five minutes while another process holds the file', async () => {
  const said: string[] = []
  let tries = 0
  const source = await openDumpFile(file, {
    say: (message) => said.push(messageLine(message)),
    signal,
    open(name) {
      if (++tries < 3) throw busy()
      return new FileSource(name)
    },
    sleep: async (ms) => {
      said.push(`sleep ${ms}`)
    },
  })
  source.close()
  const once = [
    '(i) Dump file is being used by another process. HRESULT: 0x80070020',
    '(i) Usually memory.dmp is still being written due to large RAM, retry after 5 minutes.',
    'sleep 300000',
  ]
  expect(said).toEqual([...once, ...once])
})

it('stops waiting at Ctrl-C, with its reason', async () => {
  const controller = new AbortController()
  const reason = new Error('stop')
  const opening = openDumpFile(file, {
    say: () => controller.abort(reason),
    signal: controller.signal,
    open() {
      throw busy()
    },
  })
  await expect(opening).rejects.toBe(reason)
})

it('names a file that is not there', async () => {
  await expect(openDumpFile(`${file}.gone`, { say() {}, signal })).rejects.toThrow(
    /^cannot read .*package\.json\.gone: no such file or directory \(ENOENT\)$/,
  )
})
