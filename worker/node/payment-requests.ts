// Requests to be paid: those that this node made, with what came in for them, and those that it pays, each once.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import {
  paymentReference,
  readPaymentRequest,
  writePaymentRequest,
  type PaymentRequest,
} from '#core/ledger/payment-request.ts'
import type { CreditLines } from './credit-lines.ts'
import type { KeyBook } from './key-book.ts'
import type { LedgerHistory } from './ledger-history.ts'
import type { Surroundings } from './surroundings.ts'
import type { RequestState } from './wallet-api.ts'

export interface PaymentRequests {
  start(): Promise<void>
  list(): readonly RequestState[]
  /** What a request that was made or paid here is for; by its hash, hex. */
  noteOf(reference: string): string | null
  make(amount: number | null, note: string): Promise<string>
  forget(id: string): Promise<void>
  pay(request: string, amount: number): Promise<void>
}

export interface PaymentRequestsOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'records' | 'random' | 'wallTime'>
  readonly owner: string
  readonly keys: Pick<KeyBook, 'current' | 'isSameNode'>
  readonly credit: Pick<CreditLines, 'pay'>
  readonly history: Pick<LedgerHistory, 'paymentsFor'>
  readonly onChange: () => void
}

const STORE = 'payment-requests'
/** Of those made here, and of those paid here. */
const MAX_KEPT = 100

interface Kept {
  readonly text: string
  readonly at: number
  /** Taken off the list; kept for what it says of payments. */
  readonly forgotten: boolean
}

export function createPaymentRequests(options: PaymentRequestsOptions): PaymentRequests {
  const { surroundings, owner, keys, credit, history, onChange } = options
  const { identity, records, random, wallTime } = surroundings
  const self = toHex(identity.publicKey)
  const requests = new Map<string, Kept & { readonly request: PaymentRequest }>()
  const isOwn = ({ payee }: PaymentRequest) => keys.isSameNode(toHex(payee), self)

  async function keep(request: PaymentRequest, forgotten = false): Promise<string> {
    const id = toHex(paymentReference(request))
    const kept: Kept = { text: writePaymentRequest(request), at: requests.get(id)?.at ?? wallTime(), forgotten }
    await records.put(STORE, `${owner}/${id}`, kept)
    requests.set(id, { ...kept, request })
    const alike = [...requests].filter(([, one]) => isOwn(one.request) === isOwn(request))
    if (alike.length > MAX_KEPT) {
      const [oldest] = alike.sort(([, a], [, b]) => a.at - b.at)[0] as (typeof alike)[number]
      requests.delete(oldest)
      await records.delete(STORE, `${owner}/${oldest}`)
    }
    onChange()
    return kept.text
  }

  return {
    async start() {
      for (const [key, value] of await records.list(STORE, `${owner}/`)) {
        if (!isKept(value)) continue
        try {
          requests.set(key.slice(owner.length + 1), { ...value, request: readPaymentRequest(value.text) })
        } catch {
          // Written by another version: the payments are in the log all the same.
        }
      }
    },

    list: () =>
      [...requests]
        .filter(([, { request, forgotten }]) => isOwn(request) && !forgotten)
        .sort(([, a], [, b]) => b.at - a.at)
        .map(([id, { text, at, request }]) => ({
          id,
          text,
          amount: request.amount,
          note: request.note,
          at,
          payments: history
            .paymentsFor(id)
            .filter(({ payee }) => keys.isSameNode(payee, self))
            .map((payment) => ({ by: keys.current(payment.payer), amount: payment.amount, at: payment.at })),
        })),

    noteOf: (reference) => requests.get(reference)?.request.note ?? null,

    make: (amount, note) => keep({ payee: identity.publicKey, amount, note: note.trim(), nonce: random(8) }),

    async forget(id) {
      const found = requests.get(id)
      if (found) await keep(found.request, true)
    },

    async pay(words, given) {
      const request = readPaymentRequest(words)
      if (isOwn(request)) throw new CentramError('BAD_ARGUMENT', 'This request is your own: others pay it.')
      const amount = request.amount ?? given
      if (!Number.isSafeInteger(amount) || amount < 1) {
        throw new CentramError('BAD_ARGUMENT', 'A payment is a whole number of CEN, from 1 on.')
      }
      const reference = paymentReference(request)
      const paid = history.paymentsFor(toHex(reference)).some(({ payer }) => keys.isSameNode(payer, self))
      if (paid) throw new CentramError('PAYMENT_REFUSED', 'You paid this request already; it is in your history.')
      await keep(request, true)
      await credit.pay(keys.current(toHex(request.payee)), { amount, purpose: 'settlement', reference })
    },
  }
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== 'object' || value === null) return false
  const { text, at, forgotten } = value as Partial<Record<keyof Kept, unknown>>
  return typeof text === 'string' && typeof at === 'number' && typeof forgotten === 'boolean'
}
