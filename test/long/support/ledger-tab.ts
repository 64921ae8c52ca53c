// One of several tabs under one key, in a real page: appends to the one log that all of them share, as fast as it can.

import { identityFromSeed } from '#core/crypto/identity.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { signHead, startOfLog, writeEntry } from '#core/ledger/log.ts'
import { CREDIT_GRANT } from '#core/protocol/messages/ledger.ts'
import { LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { encodeObject, readObject } from '#core/protocol/signed-object.ts'
import { createLedgerStore, type LedgerStore } from '../../../worker/storage/ledger-store.ts'
import { openIndexedDbRecords } from '../../../worker/storage/records.ts'

export interface Race {
  readonly database: string
  readonly times: number
  /** Without, as on an address that is not secure, the records alone keep tabs apart. */
  readonly locks: boolean
}

export interface RaceTab {
  /** Hashes of the entries that this tab wrote, in hex. */
  race(race: Race): Promise<string[]>
  /** Hashes of the whole log, and how far its head leads. */
  read(race: Race): Promise<{ entries: string[]; head: number }>
}

const identity = identityFromSeed(new Uint8Array(32).fill(7))
const author = toHex(identity.publicKey)

async function open({ database, locks }: Race): Promise<LedgerStore> {
  const records = await openIndexedDbRecords(database)
  const withLock = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    locks ? navigator.locks.request(`centram-${name}`, work) : work()
  return createLedgerStore({ records, withLock })
}

const tab: RaceTab = {
  async race(race) {
    const store = await open(race)
    const written: string[] = []
    let point = startOfLog(identity.publicKey)
    for (let time = 0; time < race.times; time++) {
      const added = await store.append(
        point,
        (place) => {
          const about = { creditor: identity.publicKey, debtor: new Uint8Array(32), limit: 1, version: time, at: 1 }
          const grant = encodeObject(CREDIT_GRANT, { ...about, expiresAt: Math.floor(Math.random() * 2 ** 48) })
          return writeEntry(place, 'grant', grant, [new Uint8Array(64)], Date.now())
        },
        (place) => signHead(place, Date.now(), identity),
      )
      point = added.point
      written.push(toHex(point.previous))
    }
    return written
  },
  async read(race) {
    const { entries, head } = await (await open(race)).read(author)
    return {
      entries: entries.map(({ hash }) => toHex(hash)),
      head: head ? readObject(LOG_HEAD, head.head).sequence : -1,
    }
  },
}
Object.assign(globalThis, { raceTab: tab })
