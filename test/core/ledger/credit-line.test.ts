// One credit line, step by step: who may owe how much, what a sequence is for, and what comes of a transfer.

import { describe, expect, it } from 'vitest'
import { sha256 } from '#core/crypto/hash.ts'
import {
  abortTransfer,
  decideTransfer,
  expireTransfers,
  limitOf,
  openCreditLine,
  proposeTransfer,
  renewKeys,
  settleTransfer,
  spendable,
  takeGrant,
  type CreditLine,
  type Decision,
  type Order,
} from '#core/ledger/credit-line.ts'
import { TRANSFER } from '#core/protocol/messages/ledger.ts'
import { encodeObject, readObject } from '#core/protocol/signed-object.ts'
import { accepted, AT, codeOf, grant, transfer } from './ledger-tools.ts'

const ADA = new Uint8Array(32).fill(1)
const BEN = new Uint8Array(32).fill(2)
const EVE = new Uint8Array(32).fill(3)
const LATER = AT + 60_000

/** Ada's line with Ben: each lets the other owe so much. */
const line = (granted = 100, received = 100): CreditLine => {
  const both = [grant(ADA, BEN, granted), grant(BEN, ADA, received)]
  return both.reduce((before, one) => accepted(takeGrant(before, one)), openCreditLine(ADA, BEN))
}
const order = (amount: number, reference: Uint8Array | null = null): Order => ({
  id: new Uint8Array(16),
  amount,
  purpose: 'answer',
  reference,
})
const propose = (before: CreditLine, amount: number, reference?: Uint8Array) =>
  proposeTransfer(before, order(amount, reference), AT, 60_000)
/** What Ada decides on a transfer from Ben. */
const decide = (before: CreditLine, amount: number, sequence: number, now = AT) =>
  decideTransfer(before, transfer(BEN, ADA, amount, sequence), now)
const outcome = (result: ReturnType<typeof decide>) =>
  result.outcome === 'refused' ? result.code : result.outcome === 'abort' ? `abort ${result.refusal?.code}` : 'cosign'

describe('a grant', () => {
  it('is replaced by one of a higher version only', () => {
    const second = accepted(takeGrant(line(), grant(ADA, BEN, 50, { version: 2 })))
    expect(limitOf(second.granted, AT)).toBe(50)
    expect(codeOf(takeGrant(second, grant(ADA, BEN, 100)))).toBe('OLD_VERSION')
    expect(codeOf(takeGrant(second, grant(ADA, BEN, 70, { version: 2 })))).toBe('OLD_VERSION')
    expect(takeGrant(second, grant(ADA, BEN, 50, { version: 2 }))).toBe(second)
    expect(codeOf(takeGrant(second, grant(ADA, EVE, 50, { version: 3 })))).toBe('WRONG_PARTY')
  })

  it('ends at its time, and with a limit of nothing', () => {
    const until = accepted(takeGrant(openCreditLine(ADA, BEN), grant(ADA, BEN, 50, { expiresAt: LATER })))
    expect([limitOf(until.granted, LATER - 1), limitOf(until.granted, LATER)]).toEqual([50, 0])
    expect(outcome(decide(accepted(takeGrant(line(), grant(ADA, BEN, 0, { version: 2 }))), 1, 0))).toBe(
      'abort OVER_LIMIT',
    )
    expect(limitOf(null, AT)).toBe(0)
  })
})

describe('a transfer that comes', () => {
  it('is signed up to what was granted, and not beyond', () => {
    const first = decide(line(), 60, 0) as Decision
    expect(outcome(first)).toBe('cosign')
    expect(first.line.balance).toBe(60)
    expect(outcome(decide(first.line, 41, 1))).toBe('abort OVER_LIMIT')
    expect(outcome(decide(first.line, 40, 1))).toBe('cosign')
    expect(outcome(decide(line(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER, 0))).toBe('cosign')
    const full = decide(line(Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER, 0) as Decision
    expect(outcome(decide(full.line, Number.MAX_SAFE_INTEGER, 1))).toBe('abort OVER_LIMIT')
  })

  it('needs no credit where it pays back', () => {
    const owing = { ...line(0), balance: -30 }
    expect(outcome(decide(owing, 30, 0))).toBe('cosign')
    expect(outcome(decide(owing, 31, 0))).toBe('abort OVER_LIMIT')
  })

  it('is not set off against what this node proposed and may never be signed', () => {
    const paying = accepted(propose({ ...line(), balance: 90 }, 50)).line
    expect(outcome(decide(paying, 10, 0))).toBe('cosign')
    expect(outcome(decide(paying, 11, 0))).toBe('abort OVER_LIMIT')
  })

  it('gets the same answer when it comes again, whatever changed since', () => {
    const signed = decide(line(), 60, 0) as Decision
    const closed = accepted(takeGrant(signed.line, grant(ADA, BEN, 0, { version: 2 })))
    expect(decide(closed, 60, 0, LATER)).toMatchObject({ outcome: 'cosign', again: true, line: closed })
    const refused = decide(line(), 101, 0) as Decision
    const raised = accepted(takeGrant(refused.line, grant(ADA, BEN, 1000, { version: 2 })))
    expect(decide(raised, 101, 0)).toMatchObject({ outcome: 'abort', again: true, line: raised })
  })

  it('takes a sequence that none before it had; gaps do not matter', () => {
    const seventh = decide(line(), 10, 7) as Decision
    for (const sequence of [0, 6, 7]) expect(outcome(decide(seventh.line, 11, sequence))).toBe('SEQUENCE_USED')
    expect(outcome(decide(seventh.line, 10, 8))).toBe('cosign')
    // A refused one uses up its sequence too.
    expect(outcome(decide((decide(line(), 101, 3) as Decision).line, 1, 3))).toBe('SEQUENCE_USED')
    // Decisions that are no longer remembered cannot be asked for again either.
    let at = line(1000)
    for (let n = 0; n < 80; n++) at = (decide(at, 1, n) as Decision).line
    expect(at.decided).toHaveLength(64)
    expect(outcome(decide(at, 1, 3))).toBe('SEQUENCE_USED')
  })

  it('is not signed once it expired', () => {
    expect(outcome(decide(line(), 10, 0, LATER - 1))).toBe('cosign')
    expect(outcome(decide(line(), 10, 0, LATER))).toBe('abort EXPIRED')
  })

  it('is of this line', () => {
    for (const strange of [transfer(EVE, ADA, 1, 0), transfer(BEN, EVE, 1, 0), transfer(ADA, BEN, 1, 0)]) {
      expect(codeOf(decideTransfer(line(), strange, AT))).toBe('WRONG_PARTY')
    }
    expect(codeOf(decideTransfer(line(), Uint8Array.of(1), AT))).toBe('TRANSFER_INVALID')
  })
})

describe('a transfer that goes out', () => {
  it('is within what the other lends, with all that is under way', () => {
    const first = accepted(propose(line(), 60))
    expect(readObject(TRANSFER, first.transfer)).toMatchObject({ payer: ADA, payee: BEN, amount: 60, sequence: 0 })
    expect(spendable(first.line, AT)).toBe(40)
    expect(codeOf(propose(first.line, 41))).toBe('OVER_LIMIT')
    const second = accepted(propose(first.line, 40))
    expect(readObject(TRANSFER, second.transfer).sequence).toBe(1)
    expect(spendable({ ...line(0, 0), balance: 5 }, AT)).toBe(5)
  })

  it('counts once it was signed, once', () => {
    const { line: open, transfer: bytes } = accepted(propose(line(), 60))
    const settled = accepted(settleTransfer(open, sha256(bytes))).line
    expect(settled).toMatchObject({ balance: -60, open: [] })
    expect(codeOf(settleTransfer(settled, sha256(bytes)))).toBe('TRANSFER_UNKNOWN')
    expect(accepted(propose(settled, 40)).line.nextSequence).toBe(2)
  })

  it('is over when it is aborted, and a signature that comes later finds nothing', () => {
    const { line: open, transfer: bytes } = accepted(propose(line(), 60))
    const abort = { transfer: sha256(bytes), payer: ADA, payee: BEN, code: 'OVER_LIMIT', at: AT }
    expect(codeOf(abortTransfer(open, { ...abort, payee: EVE }))).toBe('WRONG_PARTY')
    const { line: free } = accepted(abortTransfer(open, abort))
    expect(spendable(free, AT)).toBe(100)
    expect(codeOf(settleTransfer(free, sha256(bytes)))).toBe('TRANSFER_UNKNOWN')
    expect(codeOf(abortTransfer(free, abort))).toBe('TRANSFER_UNKNOWN')
    // Its sequence is used up.
    expect(free.nextSequence).toBe(1)
  })

  it('expires when the payee’s log shows that it was not signed in time, not when a clock says so', () => {
    const { line: open, transfer: bytes } = accepted(propose(line(), 60))
    const expire = (at: number, closed: boolean, stands: boolean, author = BEN) =>
      expireTransfers(open, { author, at, closed }, () => stands).expired
    expect(expire(LATER - 1, false, false)).toEqual([])
    expect(expire(LATER, false, true)).toEqual([])
    expect(expire(LATER, false, false, EVE)).toEqual([])
    expect(expire(LATER, false, false)).toEqual([sha256(bytes)])
    expect(expire(AT, true, false)).toEqual([sha256(bytes)])
  })

  it('is not proposed twice for one thing while it is under way', () => {
    const receipt = new Uint8Array(32).fill(9)
    const first = accepted(propose(line(), 10, receipt))
    expect(codeOf(propose(first.line, 10, receipt))).toBe('ALREADY_PAID')
    expect(codeOf(propose(first.line, 10, new Uint8Array(32)))).toBe('accepted')
  })

  it('is one of so many', () => {
    let open = line()
    for (let n = 0; n < 32; n++) open = accepted(propose(open, 1)).line
    expect(codeOf(propose(open, 1))).toBe('TOO_MANY_OPEN')
  })
})

it('goes on under other keys with what is owed, and counts sequences anew', () => {
  const before = accepted(propose((decide(line(), 60, 5) as Decision).line, 10)).line
  const after = renewKeys(before, ADA, EVE)
  expect(after).toMatchObject({ balance: 60, nextSequence: 0, expectedSequence: 0, open: before.open })
  expect(renewKeys(after, ADA, EVE)).toBe(after)
  expect(codeOf(decideTransfer(after, transfer(BEN, ADA, 1, 6), AT))).toBe('WRONG_PARTY')
  expect(outcome(decideTransfer(after, transfer(EVE, ADA, 40, 0), AT))).toBe('cosign')
  expect(encodeObject(TRANSFER, readObject(TRANSFER, before.open[0]?.bytes as Uint8Array))).toEqual(
    before.open[0]?.bytes,
  )
})
