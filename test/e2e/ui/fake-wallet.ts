// The ledger of the fake node: a room of friends who lend, pay and earn, and what goes wrong there.

import { CentramError } from '../../../worker/core/errors.ts'
import { readPaymentRequest, writePaymentRequest } from '../../../worker/core/ledger/payment-request.ts'
import { fromHex, toHex } from '../../../worker/core/crypto/bytes.ts'
import type { NodeState } from '../../../worker/node/api.ts'
import type { LedgerApi, LedgerState } from '../../../worker/node/ledger-api.ts'
import type {
  HistoryFilter,
  LedgerEntryState,
  RoyaltyMember,
  RoyaltyTree,
  WorkReason,
} from '../../../worker/node/wallet-api.ts'

const SELF = '3fa91c07d2be4488'.repeat(4)
const ANNA = 'a4520d11c96e73f0'.repeat(4)
const BEN = '58c7e6019b3d24af'.repeat(4)
const CLEO = 'c7d1905be0f2a386'.repeat(4)

export const EMPTY_LEDGER: LedgerState = {
  balance: 0,
  lines: [],
  entries: [],
  logs: [],
  witnesses: 0,
  forks: [],
  missing: 0,
  prices: { prompt: 0, answer: 0, merge: 0, cap: 0 },
  disputes: [],
  requests: [],
  backedUpAt: null,
}

const POEMS = { id: '1a'.repeat(32), name: 'Sea poems' }
const DIARY = { id: '2b'.repeat(32), name: 'Ship’s diary' }
const BOTH = { id: '3c'.repeat(32), name: 'Sea poems + Ship’s diary' }
const OLDEST = { id: '4d'.repeat(32), name: null }

const NOW = Date.UTC(2026, 10, 23, 17, 30)
const HOUR = 3_600_000
let made = 0
const entry = (
  hoursAgo: number,
  kind: string,
  other: string | null,
  amount: number | null,
  reason: LedgerEntryState['reason'],
): LedgerEntryState => ({
  id: (++made).toString(16).padStart(64, '0'),
  sequence: 100 - made,
  kind,
  at: NOW - hoursAgo * HOUR,
  with: other,
  amount,
  reason,
  theirs: other === null ? null : 'e'.repeat(60) + made.toString(16).padStart(4, '0'),
})

const answer = (price: number, byThis: boolean): WorkReason => ({
  work: 'answer',
  byThis,
  model: 'SmolLM2 360M Instruct',
  promptTokens: 412,
  tokens: 188,
  genomes: [BOTH],
  price,
})

const ENTRIES: readonly LedgerEntryState[] = [
  entry(0.2, 'transfer', ANNA, 24, { type: 'work-paid', work: 'answer', receipt: answer(24, true) }),
  entry(0.2, 'receipt', ANNA, 24, { type: 'work', receipt: answer(24, true) }),
  entry(3, 'transfer', BEN, -30, { type: 'request-paid', note: 'Pizza on Friday' }),
  entry(5, 'transfer', BEN, 67, {
    type: 'royalty-paid',
    statement: { from: NOW - 48 * HOUR, to: NOW - 24 * HOUR, genomes: [BOTH] },
  }),
  entry(26, 'royalty', null, null, { type: 'statement', total: 40, genomes: [BOTH] }),
  entry(27, 'grant', BEN, 500, { type: 'grant', byThis: false, limit: 500, before: 100 }),
  entry(28, 'grant', ANNA, 200, { type: 'grant', byThis: true, limit: 200, before: 0 }),
  entry(29, 'abort', BEN, null, { type: 'refused', code: 'OVER_LIMIT' }),
  entry(30, 'transfer', ANNA, 10, { type: 'gift' }),
  entry(40, 'royalty-terms', null, null, {
    ...{ type: 'terms', genome: POEMS, sharePpm: 250_000, decayPpm: 500_000, depth: 8 },
  }),
  ...Array.from({ length: 64 }, (_, index) =>
    entry(50 + index, 'receipt', BEN, 0, { type: 'work', receipt: { ...answer(0, index % 2 === 0), genomes: [] } }),
  ),
  entry(300, 'rotation', null, null, { type: 'key' }),
]

const member = (
  genome: RoyaltyMember['genome'],
  generation: number,
  children: readonly string[],
  author: string | null,
  settled: number,
  more: Partial<RoyaltyMember> = {},
): RoyaltyMember => ({
  ...{ genome, generation, children, author, mine: author === SELF, settled, waiting: 0, running: 0 },
  ...more,
})

const usual = { sharePpm: 200_000, decayPpm: 500_000, depth: 8 }
const TREES: readonly RoyaltyTree[] = [
  {
    ...{ genome: BOTH, payer: SELF, byThis: true, settled: 186, waiting: 26, running: 14, ...usual },
    members: [
      member(BOTH, 0, [], SELF, 107, { running: 8 }),
      member(POEMS, 1, [BOTH.id], SELF, 27, { running: 2 }),
      member(DIARY, 1, [BOTH.id], ANNA, 26, { waiting: 0, running: 2 }),
      member(OLDEST, 2, [POEMS.id, DIARY.id], null, 26, { waiting: 26, running: 2 }),
    ],
  },
  {
    ...{ genome: BOTH, payer: BEN, byThis: false, settled: 200, waiting: 0, running: 0, ...usual },
    members: [
      member(BOTH, 0, [], SELF, 133),
      member(POEMS, 1, [BOTH.id], SELF, 34),
      member(DIARY, 1, [BOTH.id], ANNA, 33),
    ],
  },
]

const line = (peer: string, granted: number, received: number, balance: number, more = {}) => ({
  ...{ peer, granted, received, balance, spendable: Math.max(0, received + balance), open: 0, frozen: false },
  ...more,
})
const log = (author: string, entries: number, frozen = false) => ({ author, entries, tip: 'f'.repeat(64), frozen })

const wallet: LedgerState = {
  ...EMPTY_LEDGER,
  balance: 71,
  lines: [line(ANNA, 200, 0, 134), line(BEN, 0, 500, -63)],
  entries: ENTRIES.slice(0, 50),
  logs: [log(SELF, 75), log(ANNA, 31), log(BEN, 12)],
  witnesses: 2,
  prices: { prompt: 10, answer: 100, merge: 40, cap: 200 },
  requests: [
    {
      id: '9'.repeat(64),
      text: writePaymentRequest({
        ...{ payee: fromHex(SELF) as Uint8Array, amount: 12, note: 'Bus tickets', nonce: new Uint8Array(8) },
      }),
      amount: 12,
      note: 'Bus tickets',
      at: NOW - HOUR,
      payments: [{ by: ANNA, amount: 12, at: NOW - HOUR / 2 }],
    },
  ],
  backedUpAt: NOW - 20 * 24 * HOUR,
}

export const WALLET_SCENES: Readonly<Record<string, LedgerState>> = {
  wallet,
  forked: {
    ...wallet,
    balance: 121,
    lines: [...wallet.lines, line(CLEO, 50, 0, 50, { frozen: true, spendable: 0, open: 1 })],
    logs: [...wallet.logs, log(CLEO, 9, true)],
    forks: [
      { author: CLEO, sequence: 7 },
      { author: SELF, sequence: 41 },
    ],
    missing: 3,
    disputes: [
      {
        claimant: CLEO,
        against: SELF,
        subject: '5'.repeat(64),
        code: 'OBJECTION',
        message: 'I never asked for that answer.',
        at: NOW - 2 * HOUR,
      },
    ],
    backedUpAt: null,
  },
}

const KINDS: Readonly<Record<HistoryFilter, readonly string[] | null>> = {
  all: null,
  payments: ['transfer', 'abort'],
  work: ['receipt'],
  credit: ['grant'],
  other: ['royalty', 'royalty-terms', 'rotation', 'dispute'],
}

export function createFakeWallet(get: () => NodeState, update: (change: Partial<NodeState>) => void): LedgerApi {
  const set = (change: Partial<LedgerState>) => update({ ledger: { ...get().ledger, ...change } })
  const lineOf = (peer: string) => get().ledger.lines.find((one) => one.peer === peer) ?? line(peer, 0, 0, 0)
  const put = (peer: string, change: Partial<ReturnType<typeof line>>) => {
    const next = { ...lineOf(peer), ...change }
    const lines = [...get().ledger.lines.filter((one) => one.peer !== peer), next]
    set({
      lines: lines.map((one) => ({ ...one, spendable: Math.max(0, one.received + one.balance) })),
      balance: lines.reduce((sum, { balance }) => sum + balance, 0),
    })
  }
  const record = (added: LedgerEntryState) => set({ entries: [added, ...get().ledger.entries] })
  const pay = (peer: string, amount: number, reason: LedgerEntryState['reason']) => {
    const { spendable, balance } = lineOf(peer)
    if (amount > spendable) throw new CentramError('PAYMENT_REFUSED', 'The other node does not lend that much.')
    put(peer, { balance: balance - amount })
    record(entry(0, 'transfer', peer, -amount, reason))
  }
  return {
    async grantCredit(peer, limit) {
      const before = lineOf(peer).granted
      put(peer, { granted: limit })
      record(entry(0, 'grant', peer, limit, { type: 'grant', byThis: true, limit, before }))
    },
    pay: async (peer, amount) => pay(peer, amount, { type: 'gift' }),
    setPrices: async (prices) => set({ prices }),
    async objectTo(entryId, message) {
      const about = { claimant: SELF, against: BEN, subject: entryId, code: 'OBJECTION', message, at: NOW }
      set({ disputes: [...get().ledger.disputes, about] })
    },
    async backUpKey(passphrase) {
      if (passphrase.length < 12) throw new CentramError('BAD_ARGUMENT', 'A passphrase has at least 12 characters.')
      set({ backedUpAt: NOW })
      return new TextEncoder().encode('a fake backup')
    },
    async restoreKey(_backup, passphrase) {
      if (passphrase !== 'the right passphrase') {
        throw new CentramError('BAD_ARGUMENT', 'The passphrase is not the one that the backup was sealed with.')
      }
    },
    setRoyaltyTerms: async (genome, terms) =>
      record(entry(0, 'royalty-terms', null, null, { type: 'terms', genome: { id: genome, name: null }, ...terms })),
    settleRoyalties: async () => 14,
    async readHistory(filter, from, count) {
      // The state has the latest fifty; what is older comes from here alone.
      const latest = get().ledger.entries
      const all =
        latest.length === 0 ? [] : [...latest, ...ENTRIES.filter(({ id }) => !latest.some((one) => one.id === id))]
      const kinds = KINDS[filter]
      const wanted = all.filter(({ kind }) => kinds?.includes(kind) ?? true)
      return { entries: wanted.slice(from, from + count), total: wanted.length }
    },
    readRoyalties: async () => (get().ledger.entries.length === 0 ? [] : TREES),
    async requestPayment(amount, note) {
      const nonce = new Uint8Array(8).fill(get().ledger.requests.length + 1)
      const text = writePaymentRequest({ payee: fromHex(SELF) as Uint8Array, amount, note, nonce })
      const id = toHex(nonce).repeat(4)
      set({ requests: [{ id, text, amount, note, at: NOW, payments: [] }, ...get().ledger.requests] })
      return text
    },
    forgetRequest: async (id) => set({ requests: get().ledger.requests.filter((one) => one.id !== id) }),
    async payRequest(words, given) {
      const { payee, amount, note } = readPaymentRequest(words)
      pay(toHex(payee), amount ?? given, { type: 'request-paid', note })
    },
  }
}
