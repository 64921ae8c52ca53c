// What `centram doctor` finds: ports, certificates, servers and relays as they are, each with what to do.

import { X509Certificate } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterAll, describe, expect, test } from 'vitest'
import {
  checkCertificateFiles,
  checkServerCertificate,
  describeCertificate,
} from '../../signaling-server/cli/doctor/certificate.ts'
import { formatFinding, summarise } from '../../signaling-server/cli/doctor/finding.ts'
import { checkDisk, checkNode } from '../../signaling-server/cli/doctor/machine.ts'
import { checkNetwork, checkPort } from '../../signaling-server/cli/doctor/ports.ts'
import { checkServer } from '../../signaling-server/cli/doctor/server.ts'
import { checkTurn } from '../../signaling-server/cli/doctor/turn.ts'

const DAY_MS = 86_400_000
const servers: Server[] = []
const folder = await mkdtemp(join(tmpdir(), 'centram-doctor-'))
afterAll(async () => {
  for (const server of servers) server.close()
  await rm(folder, { recursive: true, force: true })
})

async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const healthy = (_request: unknown, response: { end: (text: string) => unknown }) =>
  response.end(JSON.stringify({ status: 'ok', version: '1.2.3' }))

async function makeCertificate(days: number, names: readonly string[] = ['localhost']) {
  const made = await generate([{ name: 'commonName', value: 'doctor.test' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - 30 * DAY_MS),
    notAfterDate: new Date(Date.now() + days * DAY_MS),
    extensions:
      names.length === 0
        ? [{ name: 'basicConstraints' as const, cA: false }]
        : [{ name: 'subjectAltName', altNames: names.map((value) => ({ type: 2 as const, value })) }],
  })
  return { cert: made.cert, key: made.private }
}

describe('the port', () => {
  test('that is free', async () => {
    const server = createServer()
    const port = await listen(server)
    await new Promise((resolve) => server.close(resolve))
    expect(await checkPort(port, '127.0.0.1')).toMatchObject({ state: 'ok', message: `${port} is free on 127.0.0.1` })
  })

  test('where Centram runs already, and where something else does', async () => {
    const own = await listen(createHttpServer(healthy))
    expect(await checkPort(own, '127.0.0.1')).toMatchObject({
      state: 'ok',
      message: `Centram 1.2.3 is running on ${own}`,
    })
    const other = await listen(createHttpServer((_request, response) => response.end('hello')))
    const finding = await checkPort(other, '127.0.0.1')
    expect(finding).toMatchObject({ state: 'problem', message: `${other} is taken by another program.` })
    expect(finding.remedy).toContain('--port')
  })

  test('of an address that is not this machine’s', async () => {
    expect(await checkPort(9740, '203.0.113.9')).toMatchObject({
      state: 'problem',
      message: '203.0.113.9 is no address of this machine.',
    })
  })

  test('of a machine in no network is told apart', () => {
    expect(checkNetwork([])).toMatchObject({ state: 'note' })
    expect(checkNetwork(['192.168.1.4']).message).toContain('192.168.1.4')
  })
})

describe('the certificate', () => {
  test('is read with its names and its end', async () => {
    const now = Date.now()
    const describeMade = async (days: number, names?: readonly string[], at = now) =>
      describeCertificate(new X509Certificate((await makeCertificate(days, names)).cert), at)
    expect(await describeMade(100, ['a.test', 'b.test'])).toMatchObject({ state: 'ok' })
    expect((await describeMade(100, ['a.test', 'b.test'])).message).toMatch(
      /^for a\.test, b\.test, valid for \d+ more days$/,
    )
    expect(await describeMade(5)).toMatchObject({ state: 'note' })
    expect((await describeMade(-3)).message).toMatch(/^It ended \d days ago \(localhost\)\.$/)
    expect(await describeMade(100, ['a.test'], now - 60 * DAY_MS)).toMatchObject({ state: 'problem' })
    expect((await describeMade(100, [])).message).toContain('subject alone')
  })

  test('and key that do not belong together are a problem', async () => {
    const [one, two] = [await makeCertificate(100), await makeCertificate(100)]
    await writeFile(join(folder, 'one.crt'), one.cert)
    await writeFile(join(folder, 'two.key'), two.key)
    await writeFile(join(folder, 'one.key'), one.key)
    const check = (key: string) => checkCertificateFiles(join(folder, 'one.crt'), join(folder, key), Date.now())
    expect(await check('one.key')).toMatchObject({ state: 'ok' })
    expect(await check('two.key')).toMatchObject({ state: 'problem' })
    expect((await check('none.key')).message).toContain('cannot be read')
  })

  test('of a server is trusted with its authority, and not without', async () => {
    const made = await makeCertificate(100)
    const port = await listen(createHttpsServer(made, healthy))
    const address = new URL(`https://localhost:${port}/`)
    const without = await checkServerCertificate(address, Date.now())
    expect(without).toMatchObject({ state: 'problem' })
    expect(without.message).toContain('Clients do not trust that of')
    expect(without.remedy).toContain('--ca')
    expect(await checkServerCertificate(address, Date.now(), made.cert)).toMatchObject({ state: 'ok' })
    expect(await checkServer(address)).toMatchObject({ state: 'ok' })
  })
})

describe('a server', () => {
  test('that answers, is another program, or does not answer', async () => {
    const own = await listen(createHttpServer(healthy))
    expect(await checkServer(new URL(`http://localhost:${own}`))).toMatchObject({ state: 'ok' })
    const other = await listen(createHttpServer((_request, response) => response.end('hello')))
    expect((await checkServer(new URL(`http://localhost:${other}`))).message).toContain('is not Centram')
    expect((await checkServer(new URL('http://127.0.0.1:9'))).message).toContain('does not answer')
  })
})

test('each relay is asked with a login made of the secret', async () => {
  const asked: { url: string; username: string; credential: string }[] = []
  const findings = await checkTurn(
    { urls: ['turn:a', 'turn:b', 'turns:c'], secret: 'secret' },
    {
      async ask(server) {
        asked.push(server)
        if (server.url === 'turns:c') throw new Error('only UDP')
        return server.url === 'turn:a'
      },
    },
    1_700_000_000_000,
  )
  expect(findings.map(({ state }) => state)).toEqual(['ok', 'problem', 'skipped'])
  expect(findings[1]?.remedy).toContain('static-auth-secret')
  expect(new Set(asked.map(({ username }) => username))).toEqual(new Set(['1700003600:doctor']))
})

test('an old Node.js is told of, and the disk is measured also where the folder is not there yet', async () => {
  expect(checkNode('20.18.1')).toMatchObject({ state: 'problem' })
  expect(checkNode('20.19.0')).toMatchObject({ state: 'ok' })
  expect(checkNode('24.1.0')).toMatchObject({ state: 'ok' })
  expect((await checkDisk(join(folder, 'not', 'yet'))).message).toMatch(/GB free/)
})

test('findings are printed with what to do, and counted', () => {
  const problem = { about: 'port', state: 'problem' as const, message: 'taken.', remedy: 'Choose another.' }
  expect(formatFinding(problem)).toBe('✗ port            taken.\n                  → Choose another.')
  expect(summarise([problem])).toMatch(/^1 thing needs mending/)
  expect(summarise([{ about: 'x', state: 'note', message: 'y' }])).toBe('Nothing stands in the way.')
})
