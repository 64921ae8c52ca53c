// HTTPS on a home network: the certificate made on the spot, kept and made anew in time, and plain HTTP on the same port sent on.

import { X509Certificate } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { get as getPlain, type IncomingMessage } from 'node:http'
import { get as getSecure } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { lanAddresses, lanHosts } from '../../signaling-server/cli/lan.ts'
import { launchServer } from '../../signaling-server/cli/launch.ts'
import { openOwnCertificate, readCertificate } from '../../signaling-server/tls/certificate.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'centram-tls-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const NOW = new Date('2026-11-23T12:00:00Z')
const daysLater = (days: number) => new Date(NOW.getTime() + days * 86_400_000)
const HOSTS = ['192.168.1.20', 'laptop.local', 'localhost', '127.0.0.1', '::1']

test('a certificate names every address, and is kept until one is new or its end is near', async () => {
  const first = await openOwnCertificate(folder, HOSTS, NOW)
  const read = new X509Certificate(first.cert)
  expect(read.checkIP('192.168.1.20') && read.checkIP('::1') && read.checkHost('laptop.local')).toBeTruthy()
  expect(read.ca).toBe(false)
  expect(new X509Certificate(first.authority).ca).toBe(true)
  for (const name of ['server.key', 'authority.key']) expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600)

  expect(await openOwnCertificate(folder, HOSTS.slice(1), daysLater(300))).toEqual(first)
  const moved = await openOwnCertificate(folder, ['10.0.0.7', ...HOSTS], NOW)
  expect(moved.cert).not.toBe(first.cert)
  expect(moved.authority).toBe(first.authority)
  expect((await openOwnCertificate(folder, HOSTS, daysLater(380))).cert).not.toBe(moved.cert)
})

test('a damaged key is no key: the pair is made anew', async () => {
  const first = await openOwnCertificate(folder, HOSTS, NOW)
  await writeFile(join(folder, 'server.key'), (await readFile(join(folder, 'server.key'), 'utf8')).slice(0, 60))
  expect((await openOwnCertificate(folder, HOSTS, NOW)).cert).not.toBe(first.cert)
})

test('a given pair is read, and one that does not belong together is refused with what to do', async () => {
  const { key, cert, authority } = await openOwnCertificate(folder, HOSTS, NOW)
  const path = (name: string) => join(folder, name)
  expect(await readCertificate(path('server.crt'), path('server.key'))).toEqual({ key, cert })
  await expect(readCertificate(path('authority.crt'), path('server.key'))).rejects.toThrow(/name the pair/)
  await expect(readCertificate(path('none.crt'), path('server.key'))).rejects.toThrow(/--cert names .*none\.crt/)
  expect(authority).toContain('BEGIN CERTIFICATE')
})

test('one port answers over TLS, sends plain requests there, and hands out the authority', async () => {
  const tls = await openOwnCertificate(folder, HOSTS)
  const server = await launchServer({ port: 0, host: '127.0.0.1', tls })
  try {
    expect(server.url).toBe(`https://localhost:${server.port}/`)
    const health = await read((done) => getSecure(`${server.url}api/health`, { ca: tls.authority }, done))
    expect(JSON.parse(health.body)).toMatchObject({ status: 'ok' })

    const plain = await read((done) => getPlain(`http://127.0.0.1:${server.port}/api/health?a=b`, done))
    expect(plain.status).toBe(308)
    expect(plain.headers.location).toBe(`https://127.0.0.1:${server.port}/api/health?a=b`)
    const authority = await read((done) => getPlain(`http://127.0.0.1:${server.port}/centram-ca.crt`, done))
    expect(authority.body).toBe(tls.authority)

    const socket = new WebSocket(`${server.url.replace('https', 'wss')}signal`, { ca: tls.authority })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    socket.terminate()
    // A certificate of nobody that the client knows.
    await expect(read((done) => getSecure(`${server.url}api/health`, done))).rejects.toThrow(/certificate/)
  } finally {
    await server.stop()
  }
})

test('home networks come before others, and those of containers last', () => {
  const rest = { netmask: '255.255.255.0', mac: '00:00:00:00:00:00', cidr: null }
  const of = (address: string, internal = false) => ({ address, internal, family: 'IPv4' as const, ...rest })
  const interfaces = {
    lo: [of('127.0.0.1', true)],
    docker0: [of('172.17.0.1')],
    ppp0: [of('100.64.3.4')],
    wlan0: [of('192.168.1.20')],
  }
  expect(lanAddresses(interfaces)).toEqual(['192.168.1.20', '100.64.3.4', '172.17.0.1'])
  expect(lanHosts(['192.168.1.20'], 'Anna_PC')).toEqual(['192.168.1.20', 'localhost', '127.0.0.1', '::1'])
  expect(lanHosts(['192.168.1.20'], 'Laptop')).toContain('laptop.local')
})

function read(
  ask: (done: (response: IncomingMessage) => void) => { on(event: 'error', listener: (error: Error) => void): void },
) {
  return new Promise<{ status: number | undefined; headers: IncomingMessage['headers']; body: string }>(
    (resolve, reject) => {
      ask((response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (part: string) => (body += part))
        response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
      }).on('error', reject)
    },
  )
}
