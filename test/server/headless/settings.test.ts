// What a headless node takes from an invite link and from its server.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { readLink, readSettings } from '../../../signaling-server/headless/settings.ts'

test.each([
  ['https://host:9740/#join=00ff', 'https://host:9740/', 'join=00ff'],
  ['http://host/folder/index.html?lang=de#join=00ff&broker=x', 'http://host/folder/', 'join=00ff&broker=x'],
  ['host:9740', 'http://host:9740/', ''],
])('%s', (link, page, invite) => {
  expect(readLink(link)).toEqual({ page: new URL(page), invite })
})

test.each(['', 'ftp://host/#join=1', 'http://', '#join=00ff'])('refuses “%s”', (link) => {
  expect(() => readLink(link)).toThrow('is no invite link')
})

test('the models of the server come first, page by page, before the public ones', async () => {
  const model = (id: string) => ({ id, title: id, url: `models/${id}`, origin: 'server', sizeBytes: 1, more: true })
  const server = createServer(({ url }, response) => {
    const first = url === '/api/models'
    response.end(JSON.stringify(first ? { models: [model('a')], next: 'a' } : { models: [model('smollm2-135m')] }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const page = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const settings = await readSettings(page, 'join=1', () => undefined)
  server.close()
  expect(settings).toMatchObject({ pageUrl: page.href, invite: 'join=1', serverUrl: `ws://${page.host}/signal` })
  expect(settings.catalogue.slice(0, 2).map(({ id, origin }) => [id, origin])).toEqual([
    ['a', 'server'],
    ['smollm2-135m', 'server'],
  ])
  expect(settings.catalogue.filter(({ id }) => id === 'smollm2-135m')).toHaveLength(1)
  expect(settings.catalogue.length).toBeGreaterThan(3)
})
