// The ledger's promises over a million random operations: royalties are conserved to the last CEN, and nobody loses more to
// another node than it granted, whatever that node does.

import { describe, expect, it } from 'vitest'
import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { balanceBetween, type Party } from '#core/ledger/balance.ts'
import {
  abortTransfer,
  decideTransfer,
  expireTransfers,
  limitOf,
  openCreditLine,
  proposeTransfer,
  settleTransfer,
  takeGrant,
  type CreditLine,
} from '#core/ledger/credit-line.ts'
import { readEntry, startOfLog, writeEntry, type LogEntry, type LogPoint } from '#core/ledger/log.ts'
import { isRefusal } from '#core/ledger/refusal.ts'
import { computeStatement, type GenomeOrigin, type RoyaltyKnowledge } from '#core/ledger/royalties.ts'
import { generationsOf, splitByWeights, splitOverLineage } from '#core/ledger/royalty-split.ts'
import type { SubjectKind } from '#core/ledger/subject.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import { TRANSFER, TRANSFER_ABORT } from '#core/protocol/messages/ledger.ts'
import { encodeObject, readObject } from '#core/protocol/signed-object.ts'
import { AT, grant, transfer } from '../core/ledger/ledger-tools.ts'
import { createDice } from '../simulation/random.ts'

/** Whole numbers below a bound. */
function createRoll(name: string): (bound: number) => number {
  const dice = createDice(name)
  return (bound) => dice.whole(0, bound - 1)
}

describe('royalties', () => {
  const OPERATIONS = 1_000_000
  const GENOMES = 200

  it(`are conserved, in proportion and independent of order, in ${OPERATIONS} payments over random lineages`, () => {
    const roll = createRoll('lineages')
    const names = Array.from({ length: GENOMES }, (_, n) => toHex(sha256(Uint8Array.of(n))))
    let done = 0
    while (done < OPERATIONS) {
      // Parents are older genomes; some manifests are missing.
      const parents = names.map((_, n) =>
        n === 0 || roll(20) === 0 ? [] : Array.from({ length: roll(4) }, () => names[roll(n)] as string),
      )
      const missing = new Set(Array.from({ length: roll(6) }, () => names[roll(GENOMES)] as string))
      const byName = new Map(names.map((name, n) => [name, parents[n] as string[]]))
      const parentsOf = (name: string) => (missing.has(name) ? null : (byName.get(name) ?? null))
      const turned = (name: string) => (missing.has(name) ? null : (byName.get(name) ?? []).toReversed())
      for (let each = 0; each < 100; each++) {
        const genome = names[roll(GENOMES)] as string
        const depth = roll(12)
        const decay = [0, 1, 500_000, 999_999, 1_000_000, roll(1_000_001)][roll(6)] as number
        const generations = generationsOf(genome, depth, parentsOf)
        expect(generationsOf(genome, depth, turned)).toEqual(generations)
        for (let payment = 0; payment < 200; payment++, done++) {
          const kind = roll(10)
          const amount =
            kind === 0
              ? BigInt(Number.MAX_SAFE_INTEGER) - BigInt(roll(9))
              : kind === 1
                ? BigInt(roll(4))
                : BigInt(roll(2 ** 31))
          const shares = splitOverLineage(amount, generations, decay)
          let sum = 0n
          for (const share of shares) {
            if (share.amount < 0n) expect.fail(`a share of ${share.amount}`)
            sum += share.amount
          }
          if (sum !== amount) expect.fail(`${sum} came of ${amount}`)
        }
        checkProportions(generations, decay, BigInt(roll(2 ** 31)))
      }
    }
    expect(done).toBe(OPERATIONS)
  }, 60_000)

  /** No generation is a whole CEN from its part, no two members of one differ by more than one, and low ids come first. */
  function checkProportions(generations: readonly (readonly string[])[], decay: number, amount: bigint): void {
    const shares = new Map(splitOverLineage(amount, generations, decay).map((share) => [share.genome, share.amount]))
    const last = generations.length - 1
    const weights = generations.map((_, k) => BigInt(decay) ** BigInt(k) * 1_000_000n ** BigInt(last - k))
    const all = weights.reduce((sum, weight) => sum + weight)
    for (const [k, members] of generations.entries()) {
      const got = members.map((name) => shares.get(name) ?? -1n)
      const difference = got.reduce((sum, share) => sum + share) * all - amount * (weights[k] as bigint)
      expect(difference < all && difference > -all).toBe(true)
      expect((got[0] as bigint) - (got.at(-1) as bigint) <= 1n).toBe(true)
      expect(got.every((share, i) => i === 0 || share <= (got[i - 1] as bigint))).toBe(true)
    }
  }

  it('add up in statements over many receipts with several genomes, in any order', () => {
    const roll = createRoll('statements')
    const payer = new Uint8Array(32).fill(1)
    const ids = Array.from({ length: 40 }, (_, n) => sha256(Uint8Array.of(n)))
    for (let run = 0; run < 200; run++) {
      const origins = new Map(
        ids.flatMap((id, n): [string, GenomeOrigin][] => {
          const parents = Array.from({ length: n === 0 ? 0 : roll(4) }, () => toHex(ids[roll(n)] as Uint8Array))
          return roll(10) === 0 ? [] : [[toHex(id), { author: new Uint8Array(32).fill(1 + roll(5)), parents }]]
        }),
      )
      const knowledge: RoyaltyKnowledge = {
        originOf: (genome) => origins.get(genome) ?? null,
        termsOf: () => [],
        isSameNode: equalBytes,
      }
      const receipts = Array.from({ length: 1 + roll(12) }, (_, n) =>
        encodeObject(USAGE_RECEIPT, {
          work: roll(2) === 0 ? 'answer' : 'merge',
          request: Uint8Array.from({ length: 16 }, () => n),
          asker: new Uint8Array(32).fill(9),
          server: payer,
          model: new Uint8Array(32),
          genomes: Array.from({ length: roll(17) }, () => ids[roll(ids.length)] as Uint8Array),
          usage: { promptTokens: 1, tokens: 1 },
          price: roll(20) === 0 ? Number.MAX_SAFE_INTEGER : roll(3) === 0 ? roll(20) : roll(2 ** 31),
          transcript: new Uint8Array(32),
          at: AT,
        }),
      )
      const period = { from: AT, to: AT + 1 }
      const statement = computeStatement(payer, period, receipts, knowledge)
      if (isRefusal(statement)) throw new Error(statement.message)
      const sum = (list: readonly { readonly amount: number }[]) =>
        list.reduce((total, { amount }) => total + BigInt(amount), 0n)
      expect(sum(statement.shares)).toBe(BigInt(statement.total))
      expect(sum(statement.pools)).toBe(BigInt(statement.total))
      // A fifth of what was earned with genomes, but for less than a CEN of each genome.
      const prices = receipts
        .map((bytes) => readObject(USAGE_RECEIPT, bytes))
        .filter(({ genomes }) => genomes.length > 0)
      const earned = prices.reduce((total, { price }) => total + BigInt(price), 0n)
      const rounded = earned - 5n * BigInt(statement.total)
      expect(rounded >= 0n && rounded < 5n * BigInt(statement.pools.length || 1)).toBe(true)
      expect(computeStatement(payer, period, receipts.toReversed(), knowledge)).toEqual(statement)
    }
  })

  it('round as Hamilton’s method does, whatever the weights', () => {
    const roll = createRoll('weights')
    for (let n = 0; n < 10_000; n++) {
      const weights = Array.from({ length: 1 + roll(8) }, () => BigInt(roll(5)) * BigInt(1 + roll(1000)))
      if (weights.every((weight) => weight === 0n)) continue
      const amount = BigInt(roll(10_000))
      const total = weights.reduce((sum, weight) => sum + weight)
      const shares = splitByWeights(amount, weights)
      const isRounded = shares.every((share, i) => {
        const floor = (amount * (weights[i] as bigint)) / total
        return share === floor || share === floor + 1n
      })
      if (!isRounded || shares.reduce((sum, share) => sum + share) !== amount)
        expect.fail(`${amount} by ${weights.join()}`)
    }
  })
})

describe('a credit line with a node that does whatever it likes', () => {
  const RUNS = 100
  const STEPS = 250
  const ADA = new Uint8Array(32).fill(1)
  const BEN = new Uint8Array(32).fill(2)
  const SIGNED = new Uint8Array(64)
  /** Bound on what the runs below grant. */
  const MOST = 500

  /** A log of which only the order and the times matter: its signatures are taken as given. */
  class Log {
    point: LogPoint
    entries: LogEntry[] = []

    constructor(author: Uint8Array) {
      this.point = startOfLog(author)
    }

    write(kind: SubjectKind, object: Uint8Array, at: number): void {
      const signatures = kind === 'transfer' ? [SIGNED, SIGNED] : [SIGNED]
      const read = readEntry(this.point, writeEntry(this.point, kind, object, signatures, at))
      if (isRefusal(read)) throw new Error(read.message)
      this.entries.push(read.entry)
      this.point = read.point
    }
  }

  const party = (key: Uint8Array, log: Log): Party => ({ keys: [toHex(key)], entries: log.entries })

  /** Plays one run and returns how often each kind of step had an effect. */
  function play(seed: number): Record<string, number> {
    const roll = createRoll(`line ${seed}`)
    const effects: Record<string, number> = {}
    const effect = (name: string) => void (effects[name] = (effects[name] ?? 0) + 1)
    let now = AT
    let line: CreditLine = openCreditLine(ADA, BEN)
    const adasLog = new Log(ADA)
    /** Ben's log as Ada was shown it. */
    const bensLog = new Log(BEN)
    const inTime = new Set<string>()
    /** What Ada proposed, ever, and so what Ben can sign whenever it likes; and what Ben signed that Ada signed. */
    const proposals: Uint8Array[] = []
    const signedByBoth: Uint8Array[] = []
    const sent: Uint8Array[] = []
    const expired: Uint8Array[] = []
    const one = <T>(list: readonly T[]): T | undefined => list[roll(list.length)]
    const grants = [grant(ADA, BEN, 0), grant(BEN, ADA, MOST)]
    let version = 1

    const steps: (() => void)[] = [
      // Ada raises, lowers, ends what she grants; Ben shows her old grants again, and grants as it likes.
      () => {
        const limit = roll(3) === 0 ? 0 : roll(MOST + 1)
        grants.push(grant(ADA, BEN, limit, { version: ++version, expiresAt: roll(3) === 0 ? now + roll(5000) : null }))
      },
      () => void grants.push(grant(BEN, ADA, roll(MOST + 1), { version: 1 + roll(40) })),
      () => {
        const result = takeGrant(line, one(grants) as (typeof grants)[number])
        if (isRefusal(result)) effect('a grant refused')
        else line = result
      },
      // Ben proposes, anew or again, with any sequence and any end.
      () => {
        const again = roll(4) === 0 ? one(sent) : undefined
        const sequence = Math.max(0, line.expectedSequence + roll(5) - 2)
        const at = { at: now, expiresAt: now + roll(4000) - 500, id: Uint8Array.from({ length: 16 }, () => roll(256)) }
        const bytes = again ?? transfer(BEN, ADA, 1 + roll(200), sequence, at)
        sent.push(bytes)
        const before = line.balance
        const decision = decideTransfer(line, bytes, now)
        if (isRefusal(decision)) return effect('a sequence refused')
        effect(decision.again ? 'a decision asked again' : decision.outcome)
        line = decision.line
        if (decision.outcome === 'abort') return
        if (!decision.again) {
          adasLog.write('transfer', bytes, now)
          signedByBoth.push(bytes)
        }
        if (line.balance > before && line.balance > Math.max(0, limitOf(line.granted, now)))
          expect.fail('over the limit')
      },
      // Ada pays.
      () => {
        const id = Uint8Array.from({ length: 16 }, () => roll(256))
        const order = { id, amount: 1 + roll(200), purpose: 'answer', reference: null } as const
        const result = proposeTransfer(line, order, now, 1 + roll(3000))
        if (isRefusal(result)) return effect('a payment refused')
        effect('a payment')
        line = result.line
        proposals.push(result.transfer)
      },
      // Ben signs any of her payments at any time, and tells her or not.
      () => {
        const bytes = one(proposals)
        if (!bytes) return
        if (roll(3) > 0) signedByBoth.push(bytes)
        if (roll(3) > 0) {
          bensLog.write('transfer', bytes, now)
          if (now < readObject(TRANSFER, bytes).expiresAt) inTime.add(toHex(sha256(bytes)))
        }
        if (roll(2) === 0) return
        const result = settleTransfer(line, sha256(bytes))
        if (isRefusal(result)) return effect('a late signature')
        effect('a signature')
        line = result.line
        adasLog.write('transfer', bytes, now)
      },
      // Ben signs never to sign one, before or after it did.
      () => {
        const bytes = one(proposals)
        if (!bytes) return
        const abort = { transfer: sha256(bytes), payer: ADA, payee: BEN, code: 'OVER_LIMIT', at: now }
        const result = abortTransfer(line, abort)
        if (isRefusal(result)) return effect('a late abort')
        effect('an abort')
        line = result.line
        adasLog.write('abort', encodeObject(TRANSFER_ABORT, abort), now)
      },
      () => void (now += roll(2000)),
      // Ada reads Ben's log.
      () => {
        const result = expireTransfers(line, bensLog.point, (hash) => inTime.has(toHex(hash)))
        expired.push(...line.open.filter((one) => !result.line.open.includes(one)).map(({ bytes }) => bytes))
        if (result.expired.length > 0) effect('an expiry')
        line = result.line
      },
    ]

    for (let step = 0; step < STEPS; step++) {
      steps[roll(steps.length)]?.()
      if (line.balance > MOST) expect.fail(`Ben owes ${line.balance}`)
    }

    const sum = (transfers: readonly Uint8Array[]) =>
      transfers.reduce((total, bytes) => total + BigInt(readObject(TRANSFER, bytes).amount), 0n)
    const balance = BigInt(line.balance)
    const waiting = sum(line.open.map(({ bytes }) => bytes))
    // Whoever holds both logs finds what Ada does, but for her payments that Ben signed and did not tell her of.
    const inLogs = balanceBetween(party(ADA, adasLog), party(BEN, bensLog))
    expect(inLogs <= balance && inLogs >= balance - waiting).toBe(true)
    // The same with whatever Ben adds to its log or leaves out of it. Another log that has in time what the shown one has not
    // is a fork; it can make good what expired, and no more.
    for (let other = 0; other < 3; other++) {
      const forged = new Log(BEN)
      const everything = [...proposals, ...signedByBoth, ...proposals]
      for (let n = 0; n < 20 && everything.length > 0; n++) {
        forged.write('transfer', one(everything) as Uint8Array, AT + roll(100_000))
      }
      const shown = balanceBetween(party(ADA, adasLog), party(BEN, forged))
      expect(shown <= balance && shown >= balance - waiting - sum(expired)).toBe(true)
    }
    return effects
  }

  it(`never owes more than was granted, in ${RUNS} runs of ${STEPS} steps`, () => {
    const effects: Record<string, number> = {}
    for (let seed = 1; seed <= RUNS; seed++) {
      for (const [name, times] of Object.entries(play(seed))) effects[name] = (effects[name] ?? 0) + times
    }
    // None of the kinds of step was idle.
    for (const name of [
      'a grant refused',
      'a sequence refused',
      'a decision asked again',
      'cosign',
      'abort',
      'a payment',
      'a payment refused',
      'a signature',
      'a late signature',
      'an abort',
      'a late abort',
      'an expiry',
    ]) {
      expect(effects[name] ?? 0, name).toBeGreaterThan(100)
    }
  }, 60_000)
})
