// Logs: what is written is read back page by page from anywhere, and nothing else is.

import { beforeAll, expect, it, describe } from 'vitest'
import { concatBytes } from '#core/crypto/bytes.ts'
import {
  readEntry,
  reachesHead,
  startOfLog,
  verifyHead,
  verifyPage,
  writeEntry,
  type LogPoint,
} from '#core/ledger/log.ts'
import { encodeSubject } from '#core/ledger/subject.ts'
import { signRotation } from '#core/protocol/key-history.ts'
import { CREDIT_GRANT, LEDGER_DISPUTE, ROYALTY_TERMS } from '#core/protocol/messages/ledger.ts'
import { LOG_ENTRY, LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { KEY_ROTATION } from '#core/protocol/messages/session.ts'
import { encodeObject, readObject, signObject, type ObjectOf } from '#core/protocol/signed-object.ts'
import { flipBit } from '../protocol/frame-tools.ts'
import {
  accepted,
  AT,
  bothSign,
  codeOf,
  copyOf,
  createPerson,
  grant,
  pay,
  transfer,
  verify,
  type Person,
} from './ledger-tools.ts'

let ada: Person
let ben: Person
let eve: Person

beforeAll(async () => {
  ;[ada, ben, eve] = (await Promise.all([1, 2, 3].map(createPerson))) as [Person, Person, Person]
  const bytes = encodeObject(CREDIT_GRANT, grant(ada.key, ben.key, 100))
  ada.write('grant', bytes, [await ada.sign(CREDIT_GRANT, bytes)])
  for (let n = 0; n < 9; n++) await pay(ben, ada, transfer(ben.key, ada.key, 10, n), [ada], AT + n)
})

const bytesOf = (person: Person) => person.log.entries.map(({ bytes }) => bytes)
const read = async (entries: readonly Uint8Array[], point: LogPoint = startOfLog(ada.key)) =>
  verifyPage(point, entries, verify)

/** Entry 9 of Ada's log with changes. */
const changed = (changes: Partial<ObjectOf<typeof LOG_ENTRY>>) => {
  const last = bytesOf(ada).at(-1) as Uint8Array
  return encodeObject(LOG_ENTRY, { ...readObject(LOG_ENTRY, last), ...changes })
}

describe('a log', () => {
  it('is read page by page from any point, to the head that its author signed', async () => {
    const head = accepted(await verifyHead(await ada.head(AT + 9), AT + 9, verify))
    for (let split = 0; split <= 10; split++) {
      const first = accepted(await read(bytesOf(ada).slice(0, split)))
      expect(reachesHead(first.point, head)).toBe(split === 10)
      const second = accepted(await read(bytesOf(ada).slice(split), first.point))
      expect(second.point).toEqual(ada.log.point)
      expect(reachesHead(second.point, head)).toBe(true)
      expect([...first.entries, ...second.entries].map(({ sequence }) => sequence)).toEqual([
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
      ])
    }
  })

  it('is refused from the entry on that is missing, out of place, of another log or time', async () => {
    const all = bytesOf(ada)
    const before = accepted(await read(all.slice(0, 9))).point
    expect(codeOf(await read(all.toSpliced(4, 1)))).toBe('WRONG_PLACE')
    expect(codeOf(await read([...all.slice(0, 4), ...all.slice(3)]))).toBe('WRONG_PLACE')
    expect(codeOf(await read(all, startOfLog(ben.key)))).toBe('WRONG_AUTHOR')
    expect(codeOf(await read([changed({})], before))).toBe('accepted')
    expect(codeOf(await read([changed({ previous: new Uint8Array(32) })], before))).toBe('CHAIN_BROKEN')
    expect(codeOf(await read([changed({ at: AT + 6 })], before))).toBe('BACK_IN_TIME')
    expect(codeOf(await read([changed({ author: ben.key })], before))).toBe('WRONG_AUTHOR')
    expect(codeOf(await read([concatBytes(changed({}), Uint8Array.of(0))], before))).toBe('ENTRY_INVALID')
  })

  it('does not hold with a single bit of it changed', async () => {
    const head = accepted(await verifyHead(await ada.head(AT + 9), AT + 9, verify))
    const before = accepted(await read(bytesOf(ada).slice(0, 9))).point
    const last = bytesOf(ada)[9] as Uint8Array
    for (let bit = 0; bit < 8 * last.length; bit++) {
      const result = readEntry(before, flipBit(last, bit))
      expect('point' in result && reachesHead(result.point, head), `bit ${bit}`).toBe(false)
    }
  })

  it('does not go back in time when its author’s clock does', async () => {
    const { point } = ada.log
    const bytes = transfer(ben.key, ada.key, 10, 20)
    const entry = writeEntry(point, 'transfer', bytes, await bothSign(ben, ada, bytes), 1)
    expect(accepted(readEntry(point, entry)).entry.at).toBe(point.at)
  })

  it('ends where its author goes on under another key', async () => {
    const log = copyOf(ada)
    const { rotation, signature, successor } = await signRotation(ada.identity, eve.identity, 1, AT + 20)
    log.write('rotation', rotation, [signature, successor], AT + 20)
    expect(log.log.point.closed).toBe(true)
    const bytes = transfer(ben.key, ada.key, 10, 21)
    const signatures = await bothSign(ben, ada, bytes)
    expect(() => log.write('transfer', bytes, signatures)).toThrow(/nothing may follow/)
    // The successor may write the same down, and goes on.
    const next = await createPerson(3)
    next.write('rotation', rotation, [signature, successor])
    expect(next.log.point.closed).toBe(false)
    expect(codeOf(await read(bytesOf(next), startOfLog(eve.key)))).toBe('accepted')
  })
})

describe('what an entry records', () => {
  const entryOf = (kind: ObjectOf<typeof LOG_ENTRY>['kind'], subject: Uint8Array) =>
    encodeObject(LOG_ENTRY, { author: ada.key, sequence: 0, previous: new Uint8Array(32), kind, subject, at: AT })

  it('is signed by everyone whom its kind prescribes', async () => {
    const bytes = transfer(ben.key, ada.key, 10, 0)
    const [payer, payee] = (await bothSign(ben, ada, bytes)) as [Uint8Array, Uint8Array]
    const check = async (...signatures: Uint8Array[]) =>
      codeOf(await read([entryOf('transfer', encodeSubject(bytes, signatures))]))
    expect(await check(payer, payee)).toBe('accepted')
    expect(await check(payee, payer)).toBe('SUBJECT_UNSIGNED')
    expect(await check(payer, payer)).toBe('SUBJECT_UNSIGNED')
    expect(await check(payer, flipBit(payee, 17))).toBe('SUBJECT_UNSIGNED')
    expect(await check(payer)).toBe('SUBJECT_INVALID')
    // Signed as another kind of object it is not signed.
    expect(await check(payer, await ada.sign(CREDIT_GRANT, bytes))).toBe('SUBJECT_UNSIGNED')
  })

  it('is something of its author, and of its kind', async () => {
    const bytes = transfer(ben.key, eve.key, 10, 0)
    const strange = entryOf('transfer', encodeSubject(bytes, await bothSign(ben, eve, bytes)))
    expect(codeOf(await read([strange]))).toBe('NOT_A_PARTY')
    const own = transfer(ben.key, ada.key, 10, 0)
    const signatures = await bothSign(ben, ada, own)
    expect(codeOf(await read([entryOf('grant', encodeSubject(own, signatures))]))).toBe('SUBJECT_INVALID')
    expect(codeOf(await read([entryOf('transfer', Uint8Array.of(1, 2, 3))]))).toBe('SUBJECT_INVALID')
    expect(() => writeEntry(startOfLog(ada.key), 'transfer', bytes, signatures, AT)).toThrow(/other nodes/)
  })

  it('stands there by its hash where it is too large, which only statements and disputes are', async () => {
    const dispute = encodeObject(LEDGER_DISPUTE, {
      claimant: ada.key,
      against: ben.key,
      subject: new Uint8Array(32),
      code: 'OTHER_SHARES',
      evidence: new Uint8Array(9000),
      message: '',
      at: AT,
    })
    const log = await createPerson(1)
    const entry = log.write('dispute', dispute, [await ada.sign(LEDGER_DISPUTE, dispute)])
    expect(entry.subject.object).toBe(null)
    expect(codeOf(await read([entry.bytes]))).toBe('accepted')
    // A payment cannot be kept from view so.
    const signature = new Uint8Array(64)
    for (const signatures of [[signature], [signature, signature]]) {
      const hidden = encodeSubject(dispute, signatures)
      expect(codeOf(await read([entryOf('transfer', hidden)]))).toBe('SUBJECT_INVALID')
    }
  })

  it('may be terms, a grant or a rotation, by whoever signs such', async () => {
    const log = await createPerson(1)
    const terms = encodeObject(ROYALTY_TERMS, {
      genome: new Uint8Array(32),
      author: ada.key,
      sharePpm: 1,
      decayPpm: 1,
      depth: 1,
      at: AT,
    })
    log.write('royalty-terms', terms, [await ada.sign(ROYALTY_TERMS, terms)])
    const rotation = encodeObject(KEY_ROTATION, { from: eve.key, to: ada.key, generation: 1, at: AT })
    log.write('rotation', rotation, [await eve.sign(KEY_ROTATION, rotation), await ada.sign(KEY_ROTATION, rotation)])
    expect(codeOf(await read(bytesOf(log)))).toBe('accepted')
  })
})

describe('a head', () => {
  it('is signed by the log’s author, and not of the future', async () => {
    const head = await ada.head(AT + 9)
    expect(codeOf(await verifyHead(head, AT + 9, verify))).toBe('accepted')
    expect(codeOf(await verifyHead(head, AT + 9 - 5 * 60_000, verify))).toBe('accepted')
    expect(codeOf(await verifyHead(head, AT + 8 - 5 * 60_000, verify))).toBe('FROM_THE_FUTURE')
    expect(codeOf(await verifyHead({ ...head, signature: flipBit(head.signature, 3) }, AT + 9, verify))).toBe(
      'HEAD_UNSIGNED',
    )
    const stolen = { head: head.head, signature: await signObject(LOG_HEAD, head.head, eve.identity) }
    expect(codeOf(await verifyHead(stolen, AT + 9, verify))).toBe('HEAD_UNSIGNED')
    expect(codeOf(await verifyHead({ ...head, head: head.head.subarray(1) }, AT + 9, verify))).toBe('HEAD_INVALID')
  })

  it('is not reached by entries that are younger than it', async () => {
    // Entries from the future would count before their time.
    const { author, sequence, previous } = ada.log.point
    const head = { author, sequence: sequence - 1, entry: previous, at: ada.log.point.at - 1 }
    expect(reachesHead(ada.log.point, head)).toBe(false)
    expect(reachesHead(ada.log.point, { ...head, at: ada.log.point.at })).toBe(true)
  })
})
