// Which STUN and TURN servers a node uses: what its server lends, what a person named, and STUN only when turned on.

import { beforeEach, describe, expect, it } from 'vitest'
import { DEFAULT_STUN_SERVER, type IceServer } from '#core/ice-servers.ts'
import { createLinkSettings } from '../../../worker/node/link-settings.ts'
import { createMemoryRecords, type Records } from '../../../worker/storage/records.ts'

const OWN: IceServer = { url: 'turn:own.example:3478', username: 'me', credential: 'mine' }
const GRANT = { urls: ['turn:lent.example', 'nonsense'], username: '1:me', credential: 'c', lifetimeS: 60 }
const LENT = { url: 'turn:lent.example', username: '1:me', credential: 'c' }

let records: Records
let used: { servers: readonly IceServer[]; tellAddress: boolean }
let relays: readonly string[]

beforeEach(() => {
  records = createMemoryRecords()
})

function create() {
  const transport = {
    useServers(servers: readonly IceServer[], tellAddress: boolean) {
      used = { servers, tellAddress }
    },
  }
  return createLinkSettings({ records, transport, onChange: (_settings, lent) => (relays = lent) })
}

describe('link settings', () => {
  it('use nothing and tell nothing until a person or the server says so', async () => {
    await create().start()
    expect(used).toEqual({ servers: [], tellAddress: false })
  })

  it('use what the server lends, anew with each grant, and never a malformed address', async () => {
    const links = create()
    await links.start()
    links.granted(GRANT, 'ws://one')
    expect(used).toEqual({ servers: [LENT], tellAddress: false })
    expect(relays).toEqual(['turn:lent.example'])
    links.granted({ ...GRANT, username: '2:me' }, 'ws://one')
    expect(used.servers).toEqual([{ ...LENT, username: '2:me' }])
    links.granted({ ...GRANT, urls: ['turns:two.example'] }, 'ws://two')
    expect(used.servers.map(({ url }) => url)).toEqual(['turn:lent.example', 'turns:two.example'])
  })

  it('ask a STUN server only when it is turned on: the one named, else the default', async () => {
    const links = create()
    await links.start()
    const stun = { url: 'stun:own.example' }
    await links.set({ stun: false, servers: [stun, OWN] })
    expect(used).toEqual({ servers: [OWN], tellAddress: false })
    await links.set({ stun: true, servers: [stun, OWN] })
    expect(used).toEqual({ servers: [stun, OWN], tellAddress: true })
    await links.set({ stun: true, servers: [OWN] })
    expect(used).toEqual({ servers: [{ url: DEFAULT_STUN_SERVER }, OWN], tellAddress: true })
  })

  it('keep a choice for the next visit, and start without one that cannot be read', async () => {
    await create().set({ stun: true, servers: [OWN] })
    await create().start()
    expect(used.servers).toEqual([{ url: DEFAULT_STUN_SERVER }, OWN])
    await records.put('settings', 'links', { stun: true, servers: [{ url: 'turn:without.login' }] })
    await create().start()
    expect(used).toEqual({ servers: [], tellAddress: false })
  })

  it.each([
    [{ url: 'http://a.example' }, /no address of a STUN or TURN server/],
    [{ url: 'stun:a.example?transport=udp' }, /no address/],
    [{ url: 'turn:a.example', username: 'me' }, /user name and a password/],
  ])('refuse %j with what to do, and keep what was', async (server, message) => {
    const links = create()
    await links.set({ stun: false, servers: [OWN] })
    await expect(links.set({ stun: true, servers: [server as IceServer] })).rejects.toThrow(message)
    expect(used).toEqual({ servers: [OWN], tellAddress: false })
  })
})
