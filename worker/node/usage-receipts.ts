// Receipts for answers: what was used, and the hash of what was asked and said, signed by the node that computed and by the
// one it computed for. Whoever computed layers of an answer signs one, and so does whoever gave a whole answer.

import { compareBytes, equalBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject, type ObjectOf } from '#core/protocol/signed-object.ts'
import type { Swarm } from '../net/swarm.ts'
import type { AnswerAccounts } from './ledger.ts'
import type { Surroundings } from './surroundings.ts'

export type UsageReceipt = ObjectOf<typeof USAGE_RECEIPT>

/** A receipt as it travels and is kept; both signed it once neither is null. */
type Signed = BodyOf<'INFER_RECEIPT'>

/** What one answer is accounted for with. */
export interface AccountedAnswer {
  /** 16 bytes. */
  readonly request: Uint8Array
  /** Fingerprint of the model, 32 bytes. */
  readonly model: Uint8Array
  readonly genomes: readonly Uint8Array[]
  readonly usage: UsageReceipt['usage']
  readonly transcript: Uint8Array
  /** In CEN; of a merge that this node asked for, the most that it pays. */
  readonly price: number
  readonly work?: UsageReceipt['work']
}

export interface UsageReceipts {
  /** Columns that this node computed for `peer`. */
  noteWork(peer: string, columns: number): void
  /**
   * Asks the nodes that computed layers of this node's answer for their signatures; gives those that came, in the order of
   * `nodes`. What does not come within two seconds is not waited for.
   */
  collect(answer: AccountedAnswer, nodes: readonly string[]): Promise<readonly Signed[]>
  /** Signs what this node gave to `peer`, which is to sign it too. */
  issue(peer: string, answer: AccountedAnswer): Promise<void>
  /** An answer that this node was given by `peer`, and whose receipt it will sign. */
  expect(peer: string, answer: AccountedAnswer): void
  /** The nodes that signed one of `receipts`, each for work on `transcript` done for `asker`; throws for one that does not hold. */
  verify(receipts: readonly Signed[], asker: Uint8Array, transcript: Uint8Array): Promise<readonly string[]>
  onReceipt(peer: string, body: Signed): Promise<void>
  onPeerLost(peer: string): void
}

const STORE = 'receipts'
const PATIENCE_MS = 2000
/** Receipts kept of one node, the latest. */
const MAX_KEPT = 1024
/** Answers whose receipts are still to come, of one peer. */
const MAX_EXPECTED = 16
const MAX_EARLY = 16

type Parts = Pick<Surroundings, 'identity' | 'verifier' | 'records' | 'clock' | 'wallTime'>

export function createUsageReceipts(
  { identity, verifier, records, clock, wallTime }: Parts,
  send: Swarm['send'],
  /** A receipt that both signed. */
  onSigned: AnswerAccounts['settle'],
): UsageReceipts {
  const self = identity.publicKey
  const prefix = `${toHex(self)}/`
  /** Columns computed for each peer that no receipt names yet. */
  const work = new Map<string, number>()
  /** Proposals of ours, by peer and request. */
  const proposed = new Map<string, { readonly receipt: Uint8Array; resolve(signed: Signed | null): void }>()
  /** Receipts that this node signed for a whole answer and that are to come back. */
  const issued = new Map<string, Uint8Array>()
  const expected = new Map<string, AccountedAnswer>()
  /** Of merges that this node still computes again before it signs for them. */
  const early = new Map<string, Signed>()
  let kept: string[] | null = null

  function write(asker: Uint8Array, server: Uint8Array, answer: AccountedAnswer): Uint8Array {
    const { request, model, genomes, usage, price, transcript } = answer
    const base = { request, asker, server, model, genomes: [...genomes], usage, price, transcript, at: wallTime() }
    return encodeObject(USAGE_RECEIPT, { work: answer.work ?? 'answer', ...base })
  }

  const sign = (receipt: Uint8Array) => signObject(USAGE_RECEIPT, receipt, identity)

  async function requireSigned(receipt: Uint8Array, key: Uint8Array, signature: Uint8Array | null): Promise<void> {
    if (signature && (await verifyObject(USAGE_RECEIPT, receipt, key, signature, verifier))) return
    throw new CentramError('SIGNATURE_INVALID', 'A receipt is not signed by the node that it names.')
  }

  async function keep(signed: Signed): Promise<void> {
    const { request, at } = readObject(USAGE_RECEIPT, signed.receipt)
    const key = `${prefix}${String(at).padStart(15, '0')}/${toHex(request)}/${toHex(signed.server ?? new Uint8Array(0)).slice(0, 16)}`
    kept ??= (await records.keys(STORE)).filter((name) => name.startsWith(prefix)).sort()
    await records.put(STORE, key, signed)
    kept.push(key)
    while (kept.length > MAX_KEPT) await records.delete(STORE, kept.shift() as string)
    const { receipt, server, asker } = signed
    if (server && asker) await onSigned(receipt, server, asker)
  }

  /** A peer's proposal to sign for layers that were computed for it. */
  async function signWork(peer: string, body: Signed, { usage, price }: UsageReceipt): Promise<void> {
    if (price > 0) throw new CentramError('BAD_ARGUMENT', 'Layers are computed for nothing.')
    await requireSigned(body.receipt, fromHex(peer) ?? self, body.asker)
    const done = work.get(peer) ?? 0
    const named = usage.promptTokens + Math.max(0, usage.tokens - 1)
    if (named > done) {
      throw new CentramError(
        'BAD_ARGUMENT',
        `A receipt names ${named} columns where ${done} were computed for its asker.`,
      )
    }
    work.set(peer, done - named)
    const signed = { ...body, server: await sign(body.receipt) }
    send(peer, 'INFER_RECEIPT', signed)
    await keep(signed)
  }

  /** The receipt of a whole answer that a peer gave to this node. */
  async function signAnswer(peer: string, body: Signed, receipt: UsageReceipt): Promise<void> {
    const { request, transcript, usage, price, work: kind } = receipt
    await requireSigned(body.receipt, fromHex(peer) ?? self, body.server)
    const key = keyOf(peer, request)
    const answer = expected.get(key)
    if (!answer && kind === 'merge' && early.size < MAX_EARLY) {
      early.set(key, body)
      return
    }
    const isRight =
      answer &&
      kind === (answer.work ?? 'answer') &&
      equalBytes(answer.transcript, transcript) &&
      answer.usage.tokens === usage.tokens &&
      answer.usage.promptTokens === usage.promptTokens &&
      (kind === 'merge' ? price <= answer.price : price === answer.price)
    if (!isRight) throw new CentramError('BAD_ARGUMENT', 'A receipt names another answer than the one that was given.')
    expected.delete(key)
    const signed = { ...body, asker: await sign(body.receipt) }
    send(peer, 'INFER_RECEIPT', signed)
    await keep(signed)
  }

  return {
    noteWork(peer, columns) {
      work.set(peer, (work.get(peer) ?? 0) + columns)
    },

    async collect(answer, nodes) {
      const signed = await Promise.all(
        nodes.map(async (peer): Promise<Signed | null> => {
          const receipt = write(self, fromHex(peer) ?? self, answer)
          const asker = await sign(receipt)
          const key = keyOf(peer, answer.request)
          const coming = new Promise<Signed | null>((resolve) => proposed.set(key, { receipt, resolve }))
          const timer = clock.setTimeout(() => proposed.get(key)?.resolve(null), PATIENCE_MS)
          try {
            send(peer, 'INFER_RECEIPT', { receipt, server: null, asker })
            return await coming
          } catch {
            // It left: the answer stands without its signature.
            return null
          } finally {
            clock.clearTimeout(timer)
            proposed.delete(key)
          }
        }),
      )
      return signed.filter((one) => one !== null)
    },

    async issue(peer, answer) {
      const receipt = write(fromHex(peer) ?? self, self, answer)
      issued.set(keyOf(peer, answer.request), receipt)
      send(peer, 'INFER_RECEIPT', { receipt, server: await sign(receipt), asker: null })
    },

    expect(peer, answer) {
      const mine = [...expected.keys()].filter((key) => key.startsWith(peer))
      if (mine.length >= MAX_EXPECTED) expected.delete(mine[0] as string)
      const key = keyOf(peer, answer.request)
      expected.set(key, answer)
      const body = early.get(key)
      early.delete(key)
      // What it says wrong is nobody's to hear by now.
      if (body) signAnswer(peer, body, readObject(USAGE_RECEIPT, body.receipt)).catch(() => undefined)
    },

    async verify(receipts, asker, transcript) {
      const signers: string[] = []
      for (const { receipt, server } of receipts) {
        const read = readObject(USAGE_RECEIPT, receipt)
        await requireSigned(receipt, read.server, server)
        if (compareBytes(read.asker, asker) !== 0 || !equalBytes(read.transcript, transcript)) {
          throw new CentramError('BAD_ARGUMENT', 'A receipt that came with an answer is of another one.')
        }
        signers.push(toHex(read.server))
      }
      return signers
    },

    async onReceipt(peer, body) {
      const receipt = readObject(USAGE_RECEIPT, body.receipt)
      const server = toHex(receipt.server)
      const asker = toHex(receipt.asker)
      const key = keyOf(peer, receipt.request)
      const me = toHex(self)
      if (asker === peer && server === me && body.server === null) return signWork(peer, body, receipt)
      if (asker === me && server === peer && body.asker === null) return signAnswer(peer, body, receipt)
      const ours = asker === me ? proposed.get(key)?.receipt : issued.get(key)
      if (!ours || !equalBytes(ours, body.receipt)) {
        throw new CentramError('BAD_ARGUMENT', 'A receipt came back that this node did not write.')
      }
      const known = fromHex(peer) ?? self
      await requireSigned(body.receipt, known, asker === me ? body.server : body.asker)
      // Both signatures are kept as they were made: the one of this node is made again, whatever came back.
      const own = await sign(body.receipt)
      const signed = asker === me ? { ...body, asker: own } : { ...body, server: own }
      await keep(signed)
      issued.delete(key)
      proposed.get(key)?.resolve(signed)
    },

    onPeerLost(peer) {
      work.delete(peer)
      for (const map of [issued, expected, early])
        for (const key of [...map.keys()]) if (key.startsWith(peer)) map.delete(key)
      for (const [key, { resolve }] of proposed) if (key.startsWith(peer)) resolve(null)
    },
  }
}

const keyOf = (peer: string, request: Uint8Array) => `${peer}/${toHex(request)}`
