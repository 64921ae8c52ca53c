import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { checkModelPath, createModelLibrary } from '../../signaling-server/model-library.ts'
import { startServer } from '../../signaling-server/server.ts'
import { sendRaw, silentSignalling, startLoopback, type Loopback } from './loopback.ts'

const open: Loopback[] = []
afterEach(async () => {
  for (const loopback of open.splice(0)) await loopback.close()
})
async function start(overrides?: Parameters<typeof startLoopback>[0]): Promise<Loopback> {
  const loopback = await startLoopback(overrides)
  open.push(loopback)
  return loopback
}

describe('REST', () => {
  it('reports health and counts, and lets nobody cache them', async () => {
    const { origin } = await start({ signalling: silentSignalling({ nodes: 3, rooms: 2 }) })
    const health = await fetch(`${origin}/api/health`)
    expect(health.headers.get('cache-control')).toBe('no-store')
    expect(await health.json()).toEqual({
      status: 'ok',
      version: '1.2.3',
      uptimeSeconds: expect.any(Number),
      ledger: false,
    })
    expect(await (await fetch(`${origin}/api/peers`)).json()).toEqual({ nodes: 3, rooms: 2 })
    expect(await (await fetch(`${origin}/api/models`)).json()).toEqual({ models: [], next: null })
  })

  it('refuses other methods and unknown addresses', async () => {
    const { origin } = await start()
    for (const path of ['/api/health', '/models/x.gguf', '/']) {
      const response = await fetch(origin + path, { method: 'POST', body: 'x' })
      expect(response.status, path).toBe(405)
    }
    expect((await fetch(`${origin}/api/nothing`)).status).toBe(404)
    expect((await fetch(`${origin}/nothing`)).status).toBe(404)
  })
})

describe('the web app', () => {
  it('is served with types, caching and a strict policy', async () => {
    const { origin, write } = await start()
    await write('web/index.html', '<!doctype html><title>x</title>')
    await write('web/assets/main-a1B2c3D4.js', 'export {}')
    await write('web/assets/kernel-a1B2c3D4.wasm', 'x')
    await write('web/shaders/add.wgsl', 'fn add() {}')

    const page = await fetch(`${origin}/`)
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('cache-control')).toBe('no-cache')
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("script-src 'self'")
    expect(policy).not.toMatch(/script-src[^;]*unsafe/)

    const script = await fetch(`${origin}/assets/main-a1B2c3D4.js`)
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect((await fetch(`${origin}/assets/kernel-a1B2c3D4.wasm`)).headers.get('content-type')).toBe('application/wasm')
    expect((await fetch(`${origin}/shaders/add.wgsl`)).headers.get('content-type')).toMatch(/^text\/wgsl/)
    expect((await fetch(`${origin}/index.html`)).status).toBe(200)
  })

  it('says what to do while it is not built', async () => {
    const { origin } = await start()
    const response = await fetch(`${origin}/`)
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('npm start')
  })
})

describe('the socket', () => {
  it('sends upgrades of /signal to the signalling service and refuses every other', async () => {
    const seen: string[] = []
    const { server, origin } = await start({
      signalling: {
        ...silentSignalling(),
        handleUpgrade: (request, socket) => {
          seen.push(request.url ?? '')
          socket.destroy()
        },
      },
    })
    const wrong = new WebSocket(`${origin.replace('http', 'ws')}/elsewhere`)
    const [error] = (await once(wrong, 'error')) as [Error]
    expect(error.message).toContain('404')
    const right = new WebSocket(`${origin.replace('http', 'ws')}/signal?room=x`)
    await once(right, 'error')
    expect(seen).toEqual(['/signal?room=x'])
    expect((await fetch(`http://127.0.0.1:${server.port}/api/health`)).status).toBe(200)
  })

  it('survives garbage and over-long headers', async () => {
    const { server, origin } = await start()
    expect(await sendRaw(server.port, '\x16\x03\x01 hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    const long = `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`
    expect(await sendRaw(server.port, long)).toMatch(/^HTTP\/1\.1 431 /)
    expect((await fetch(`${origin}/api/health`)).status).toBe(200)
  })
})

describe('starting and stopping', () => {
  const options = {
    host: '127.0.0.1',
    webFolder: tmpdir(),
    models: createModelLibrary({ folders: [] }),
    signalling: silentSignalling(),
    version: '0',
  }

  it('names the remedy when the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    await expect(startServer({ ...options, port })).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
      message: expect.stringMatching(new RegExp(`Port ${port} is taken.*--port ${port + 1}`)),
    })
    other.close()
  })

  it('names the remedy when the address is not of this machine', async () => {
    await expect(startServer({ ...options, port: 0, host: '203.0.113.7' })).rejects.toMatchObject({
      code: 'BAD_ARGUMENT',
      message: expect.stringContaining('203.0.113.7'),
    })
  })

  it('stops with idle, silent and streaming connections open, and frees the port', async () => {
    const loopback = await startLoopback()
    await loopback.write('models/big.gguf', new Uint8Array(64 * 1024 * 1024))
    const silent = connect(loopback.server.port, '127.0.0.1')
    silent.on('error', () => undefined)
    await once(silent, 'connect')
    const streaming = await fetch(`${loopback.origin}/models/big.gguf`)
    await streaming.body?.getReader().read()
    const gone = once(silent, 'close')
    await Promise.all([loopback.server.stop(), loopback.server.stop()])
    await gone
    const again = await startServer({ ...options, port: loopback.server.port })
    await again.stop()
    await loopback.close()
  })

  it('keeps no file open once its reader went away', async () => {
    const { origin, write } = await start()
    await write('models/big.gguf', new Uint8Array(64 * 1024 * 1024))
    const { readdir } = await import('node:fs/promises')
    const openFiles = async () => (await readdir('/proc/self/fd').catch(() => [])).length
    const before = await openFiles()
    for (let index = 0; index < 20; index++) {
      const abort = new AbortController()
      const response = await fetch(`${origin}/models/big.gguf`, { signal: abort.signal })
      await response.body?.getReader().read()
      abort.abort()
      await fetch(`${origin}/models/big.gguf`, { method: 'HEAD' })
    }
    let left = await openFiles()
    for (let tries = 0; left > before + 10 && tries < 100; tries++) {
      await delay(50)
      left = await openFiles()
    }
    expect(left).toBeLessThanOrEqual(before + 10)
  })
})

describe('checkModelPath', () => {
  it('names the path and the remedy', async () => {
    await expect(checkModelPath('/nowhere/model.gguf')).rejects.toMatchObject({
      code: 'SOURCE_UNREACHABLE',
      message: expect.stringContaining('/nowhere/model.gguf'),
    })
    await expect(checkModelPath(tmpdir())).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED' })
  })
})
