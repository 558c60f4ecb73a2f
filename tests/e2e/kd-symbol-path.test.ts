// Symbol paths as they are typed, and servers as they answer, through kd on a dump made from a public bug report.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { sharedData } from '@dumpstack/testkit/node'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Finished, repository, temporaryFolder } from './cli.ts'

const bin = path.join(repository, 'packages/cli/bin/kd.js')
const at = sharedData('cases/19-symbol-path-chain')
const needs = '(needs shared/data/cases/19-symbol-path-chain)'
const KEY = '/ab.pdb/'

describe.skipIf(at === null)(`the symbol path of kd ${needs}`, () => {
  const folder = temporaryFolder()
  afterAll(() => folder.remove())
  let server: Server
  let host = ''
  let requests: string[] = []
  let listener: RequestListener = (_, response) => response.writeHead(404).end()
  beforeEach(async () => {
    requests = []
    server = createServer((incoming, response) => {
      requests.push(incoming.url ?? '')
      listener(incoming, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    host = `127.0.0.1:${(server.address() as AddressInfo).port}` // listens on a port
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  let debuggerProcess: ChildProcess | null = null
  let printed = ''
  async function kd(symbolPath: string, commands: string): Promise<Finished> {
    const child = spawn(
      process.execPath,
      [bin, '-z', path.join(at!, 'ab.dmp'), '-y', symbolPath, '-c', commands],
      {
        cwd: folder.path,
        env: { ...process.env, HOME: folder.path, _NT_SYMBOL_PATH: '' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    debuggerProcess = child
    printed = ''
    let stderr = ''
    child.stdout.on('data', (part: Buffer) => {
      printed += part.toString()
    })
    child.stderr.on('data', (part: Buffer) => {
      stderr += part.toString()
    })
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { code, stdout: printed, stderr }
  }
  const serve = (name: string): void => {
    listener = ({ url }, response) => {
      if (url?.startsWith(KEY) && url.endsWith('/ab.pdb')) response.end(readFileSync(path.join(at!, name)))
      else response.writeHead(404).end()
    }
  }

  it.each([
    ['ab.pdb', 'a PDB as it is'],
    ['ab.pd_', 'a cabinet'],
  ])('goes on past dead places to a bare address that serves %s, and keeps it: %s', async (name) => {
    serve(name)
    const cache = path.join(folder.path, `cache-${name}`)
    const run = await kd(
      `cache*${cache};/none/such;srv*http://127.0.0.1:9/dead;http://${host}`,
      'x ab!second; q',
    )
    expect(run.stdout).toMatch(/ab!second/)
    expect(run.stderr).toContain(`ab.pdb from ${host}: `)
    expect(run.stderr.match(/127\.0\.0\.1:9 is not asked again in this session/g)).toHaveLength(1)
    const asked = (): number => requests.filter((address) => address.startsWith(KEY)).length
    const before = asked()
    expect(existsSync(path.join(cache, 'ab.pdb'))).toBe(true)
    expect((await kd(`cache*${cache};http://${host}`, 'x ab!second; q')).stdout).toMatch(/ab!second/)
    expect(asked()).toBe(before)
  })

  it('takes an uncompressed PDB that is served under the name of a compressed one', async () => {
    listener = ({ url }, response) => {
      if (url?.endsWith('/ab.pd_')) response.end(readFileSync(path.join(at!, 'ab.pdb')))
      else response.writeHead(404).end()
    }
    expect((await kd(`srv*${folder.path}/plain*http://${host}`, 'x ab!second; q')).stdout).toMatch(
      /ab!second/,
    )
  })

  it.each([
    (cache: string) => `SRV*${cache}*=http://${host}`,
    (cache: string) => `SRV*${cache}*htps://${host}`,
  ])('says where an address is mistyped, and what may be meant', async (typed) => {
    const run = await kd(typed(path.join(folder.path, 'typed')), '.reload /f ab.sys; lmv m ab; q')
    expect(run.stdout).toMatch(new RegExp(`unusable, .*is https?://${host} meant\\?`))
    expect(requests).toEqual([])
  })

  it('names a folder that is not there, and drops quotes around one that is', async () => {
    const run = await kd(`/none/such;"${at}"`, 'x ab!second; q')
    expect(run.stdout).toMatch(/ab!second/)
    const other = await kd('"/none/such"', '.reload /f ab.sys; lmv m ab; q')
    expect(other.stdout).toContain('/none/such: there is no such folder')
  })

  it('prints its banner before it asks a server, and gives up a download at Ctrl-C, and not the session', async () => {
    const printedAtRequest: string[] = []
    const waits: number[] = []
    let open = 0
    listener = (incoming, response) => {
      const start = performance.now()
      open++
      incoming.socket.on('close', () => {
        open--
        waits.push(performance.now() - start)
      })
      response.writeHead(200, { 'content-length': 1_000_000 })
      response.write('x', () => {
        printedAtRequest.push(printed)
        debuggerProcess?.kill('SIGINT')
      })
    }
    const run = await kd(`srv*${folder.path}/i*http://${host}`, 'x ab!second; q')
    expect(run.stdout).toContain('^ interrupted')
    expect(printedAtRequest[0]).toContain('Dumpstack Kernel Debugger')
    expect(run.stderr).toContain(', given up')
    expect(run.stderr).not.toContain('is not asked again')
    expect([run.code, open]).toEqual([0, 0])
    // The server had 15 seconds.
    expect(Math.max(...waits)).toBeLessThan(10_000)
  })
})
