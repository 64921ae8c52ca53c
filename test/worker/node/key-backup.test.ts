// A device is lost: its node comes back from a file, a passphrase and the other nodes, and what was owed is owed still.

import { webcrypto } from 'node:crypto'
import { expect, test } from 'vitest'
import { toHex } from '#core/crypto/bytes.ts'
import { identityFromSeed, plainVerifier, type Identity } from '#core/crypto/identity.ts'
import { errorCode } from '#core/errors.ts'
import { createKeyBook } from '../../../worker/node/key-book.ts'
import { createKeyBackup } from '../../../worker/node/key-backup.ts'
import { handleKeys } from '../../../worker/node/handlers/keys.ts'
import { createKeyChanges } from '../../../worker/node/key-changes.ts'
import { createMemoryRecords } from '../../../worker/storage/records.ts'
import { openAesGcm } from '../../../worker/tab/aes-gcm.ts'
import { createRandom } from '../net/simulation.ts'
import { createLedgerRoom, type Member } from './ledger-room.ts'

const PASSPHRASE = 'tides come in, tides go out'
/** Little work: what is tested is not how long a guess takes. */
const CHEAP = { log2n: 10, r: 8, p: 1 }
const aesGcm = openAesGcm(webcrypto.subtle as SubtleCrypto)

/** The keys of a node as they change, told to others and followed. */
function followKeys(member: Member): void {
  handleKeys(
    member.swarm,
    createKeyChanges({
      surroundings: { identity: member.identity, records: member.records, wallTime: () => 1_790_000_100_000 },
      owner: member.id,
      swarm: member.swarm,
      gossip: { subscribe: () => undefined, publish: async () => undefined },
      keys: member.keys,
      onStolen: () => undefined,
    }),
  )
}

const lineOf = (member: Member, other: Member | string) =>
  member.state().lines.find(({ peer }) => peer === (typeof other === 'string' ? other : other.id))

test('brings back who one was, what was owed and what was written, and the lost device counts no more', async () => {
  const room = await createLedgerRoom()
  const [ada, ben] = [await room.enter(1), await room.enter(2)]
  for (const member of [ada, ben]) followKeys(member)
  await room.linked(ada, ben)
  await room.finish(ada.ledger.api.grantCredit(ben.id, 100))
  await room.until(() => lineOf(ben, ada)?.received === 100)
  const wallTime = () => 1_790_000_000_000 + Math.round(room.simulation.clock.now())
  const parts = { identity: ada.identity, random: createRandom(4), wallTime, aesGcm, adopt: async () => ada.identity }
  const backup = await createKeyBackup(parts, ada.keys, ada.id, CHEAP).backUp(PASSPHRASE)
  // What came after the backup is not lost either.
  await room.finish(ben.ledger.api.pay(ada.id, 70))
  // As long as it takes that somebody has it.
  await room.simulation.clock.advance(2_000)
  room.leave(ada)
  await room.simulation.clock.advance(2_000)

  const records = createMemoryRecords()
  let restored: Identity | null = null
  const device = createKeyBook(records, plainVerifier, () => undefined)
  // It signs at once: the simulated clock would not wait for WebCrypto's threads.
  const adopt = async (seed: Uint8Array) => (restored = identityFromSeed(seed.slice()))
  const fresh = { ...parts, identity: identityFromSeed(new Uint8Array(32).fill(9)), adopt }
  await createKeyBackup(fresh, device, 'aa'.repeat(32), CHEAP).restore(backup, PASSPHRASE)
  const identity = restored as unknown as Identity
  const again = await room.enter(1, records, { identity })
  followKeys(again)
  await room.linked(again, ben)
  expect(again.id).not.toBe(ada.id)
  await room.until(() => lineOf(again, ben)?.balance === 70, 'what Ben owes')
  expect(again.keys.isSameNode(again.id, ada.id)).toBe(true)
  await room.until(() => lineOf(ben, again)?.received === 100, 'the credit, from the new key')
  expect(lineOf(ben, again)).toMatchObject({ balance: -70, spendable: 30 })
  expect(again.state().logs.find(({ author }) => author === ada.id)?.entries).toBe(2)
  expect(again.state().entries.map(({ kind }) => kind)).toContain('rotation')
  await room.finish(ben.ledger.api.pay(again.id, 30))
  await room.finish(again.ledger.api.pay(ben.id, 100))
  expect([again.state().balance, ben.state().balance]).toEqual([0, 0])
  // Told after the rotation, in a message of its own.
  await room.until(() => ben.keys.status(ada.id) === 'revoked', 'the old key’s end')
  expect(ben.state().forks).toEqual([])
})

test('opens for its passphrase alone, and not at all where one bit of it changed', async () => {
  const keys = createKeyBook(createMemoryRecords(), plainVerifier, () => undefined)
  const identity = identityFromSeed(new Uint8Array(32).fill(3))
  let adopted = 0
  const adopt = async () => {
    adopted++
    return identity
  }
  const backup = createKeyBackup(
    { identity, random: createRandom(4), wallTime: () => 5, aesGcm, adopt },
    keys,
    toHex(identity.publicKey),
    CHEAP,
  )
  expect(await backup.backUp('short').catch(errorCode)).toBe('BAD_ARGUMENT')
  const file = await backup.backUp(PASSPHRASE)
  expect(await backup.restore(file, `${PASSPHRASE}!`).catch(errorCode)).toBe('BAD_ARGUMENT')
  for (let byte = 0; byte < file.length; byte += 23) {
    const changed = file.slice()
    changed[byte] = (changed[byte] as number) ^ 1
    expect(await backup.restore(changed, PASSPHRASE).catch(errorCode), `byte ${byte}`).toBe('BAD_ARGUMENT')
  }
  expect(adopted).toBe(0)
  expect(keys.status(toHex(identity.publicKey))).toBe('current')
  // Written in another form of the same letters, as other keyboards do.
  const accented = await backup.backUp('caf\u00e9 by the sea')
  await backup.restore(accented, 'cafe\u0301 by the sea')
  expect(adopted).toBe(1)
})

test('is not offered where nothing can be sealed', async () => {
  const identity = identityFromSeed(new Uint8Array(32).fill(3))
  const keys = createKeyBook(createMemoryRecords(), plainVerifier, () => undefined)
  const backup = createKeyBackup({ identity, random: createRandom(4), wallTime: () => 5 }, keys, 'aa'.repeat(32), CHEAP)
  expect(await backup.backUp(PASSPHRASE).catch(errorCode)).toBe('NOT_OFFERED')
})
