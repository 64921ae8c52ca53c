// What every answer tells browsers to forbid, and how the page's files travel.

import { request } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentSecurityPolicy } from '../../signaling-server/http/security.ts'
import { startLoopback, type Loopback } from './loopback.ts'

let server: Loopback
beforeEach(async () => {
  server = await startLoopback()
  await server.write('web/index.html', `<!doctype html><title>x</title>${'<p>words</p>'.repeat(200)}`)
  await server.write('web/assets/main-a1B2c3D4.js', `export const text = '${'word '.repeat(1000)}'`)
  await server.write('web/assets/engine-wllama-a1B2c3D4.js', 'export {}')
})
afterEach(() => server.close())

const directives = (policy: string | null) =>
  new Map((policy ?? '').split('; ').map((each): [string, string] => [each.split(' ')[0] ?? '', each]))

/** As it travels: `fetch` would unpack it. */
async function raw(path: string, headers: Record<string, string>) {
  return new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }>((resolve, reject) => {
    request(server.origin + path, { headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
      .on('error', reject)
      .end()
  })
}

test('the page may run files of its server, and nothing else becomes code', async () => {
  const { headers } = await fetch(`${server.origin}/`)
  const policy = directives(headers.get('content-security-policy'))
  for (const name of ['script-src', 'worker-src', 'style-src']) expect(policy.get(name)).toBe(`${name} 'self'`)
  expect(policy.get('default-src')).toBe("default-src 'none'")
  expect(policy.get('require-trusted-types-for')).toBe("require-trusted-types-for 'script'")
  expect(policy.get('frame-ancestors')).toBe("frame-ancestors 'none'")
  expect(headers.get('content-security-policy')).not.toMatch(/unsafe|\*/)
  expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
  expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp')
  expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
  expect(headers.get('referrer-policy')).toBe('no-referrer')
})

test('WebAssembly is for the workers of engines alone', async () => {
  const engine = await fetch(`${server.origin}/assets/engine-wllama-a1B2c3D4.js`)
  expect(engine.headers.get('content-security-policy')).toContain("script-src 'self' 'wasm-unsafe-eval'")
  for (const path of [
    '/',
    '/assets/main-a1B2c3D4.js',
    '/engine-x.js',
    '/assets/my-engine-x.js',
    '/assets/engine-x.html',
  ]) {
    expect(contentSecurityPolicy(path), path).not.toContain('unsafe')
  }
})

test('what is no page runs nothing, wherever it is opened', async () => {
  for (const path of ['/api/health', '/api/nothing', '/models/nothing.gguf', '/nothing']) {
    const { headers } = await fetch(server.origin + path)
    expect(headers.get('content-security-policy'), path).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(headers.get('x-content-type-options'), path).toBe('nosniff')
  }
})

test('who came by HTTPS once comes by nothing else', async () => {
  const told = async (host: string, scheme: string) =>
    (await raw('/', { host, 'x-forwarded-proto': scheme })).headers['strict-transport-security']
  expect(await told('swarm.example', 'https')).toBe('max-age=31536000')
  expect(await told('swarm.example', 'http')).toBeUndefined()
  // Others share these names, and may have no HTTPS.
  for (const host of ['localhost:9740', 'laptop.local', '192.168.1.20:9740', '[::1]:9740']) {
    expect(await told(host, 'https'), host).toBeUndefined()
  }
})

test('scripts travel compressed to whoever takes that, and are not sent again unchanged', async () => {
  const path = '/assets/main-a1B2c3D4.js'
  const plain = await raw(path, {})
  expect(plain.headers['content-encoding']).toBeUndefined()
  const packed = await raw(path, { 'accept-encoding': 'br, gzip;q=0.8' })
  expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' })
  expect(packed.headers['content-length']).toBe(String(packed.body.length))
  expect(packed.body.length).toBeLessThan(plain.body.length / 10)
  expect(gunzipSync(packed.body)).toEqual(plain.body)
  expect(packed.headers['etag']).not.toBe(plain.headers['etag'])
  const again = { 'accept-encoding': 'gzip', 'if-none-match': String(packed.headers['etag']) }
  expect((await raw(path, again)).status).toBe(304)
  for (const refusing of ['gzip;q=0', 'br', 'identity']) {
    expect((await raw(path, { 'accept-encoding': refusing })).headers['content-encoding'], refusing).toBeUndefined()
  }
  // A part of a file is a part of the file as it is.
  const part = await raw(path, { 'accept-encoding': 'gzip', range: 'bytes=0-5' })
  expect([part.status, part.body.toString()]).toEqual([206, 'export'])
})
