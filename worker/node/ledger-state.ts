// The ledger as a person is shown it.

import { toHex } from '#core/crypto/bytes.ts'
import { LOG_HEAD } from '#core/protocol/messages/proof.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import { FREE, type Prices } from './answer-prices.ts'
import type { CreditLines } from './credit-lines.ts'
import type { LedgerState } from './ledger-api.ts'
import type { LedgerAuthors } from './ledger-authors.ts'
import type { LedgerBook } from './ledger-book.ts'
import type { LedgerHistory } from './ledger-history.ts'
import type { PaymentRequests } from './payment-requests.ts'
import type { Royalties } from './royalties.ts'
import type { Witnesses } from './witnesses.ts'

export interface ShownLedger {
  readonly self: string
  readonly book: LedgerBook
  readonly authors: LedgerAuthors
  readonly credit: CreditLines
  readonly witnesses: Witnesses
  readonly prices: Prices
  readonly royalties: Royalties
  readonly history: LedgerHistory
  readonly requests: PaymentRequests
  readonly backedUpAt: number | null
}

const LATEST = 50

export const NO_LEDGER: LedgerState = {
  balance: 0,
  lines: [],
  entries: [],
  logs: [],
  witnesses: 0,
  forks: [],
  missing: 0,
  prices: FREE,
  disputes: [],
  requests: [],
  backedUpAt: null,
}

export function showLedger({
  self,
  book,
  authors,
  credit,
  witnesses,
  prices,
  royalties,
  history,
  requests,
  backedUpAt,
}: ShownLedger): LedgerState {
  const lines = credit.list()
  const logs = [...book.logs()].sort(
    (a, b) => rank(a.author, self) - rank(b.author, self) || (a.author < b.author ? -1 : 1),
  )
  return {
    balance: lines.reduce((sum, line) => sum + line.balance, 0),
    lines,
    entries: history.page('all', 0, LATEST).entries,
    logs: logs.map(({ author, point }) => ({
      author,
      entries: point.sequence,
      tip: point.sequence === 0 ? null : toHex(point.previous),
      frozen: authors.isFrozen(author),
    })),
    witnesses: witnesses.count(),
    forks: authors.forks().map(({ first }) => {
      const { author, sequence } = readObject(LOG_HEAD, first.head)
      return { author: toHex(author), sequence }
    }),
    missing: book.own().missing,
    prices: prices.get(),
    disputes: royalties.disputes(),
    requests: requests.list(),
    backedUpAt,
  }
}

const rank = (author: string, self: string) => (author === self ? 0 : 1)
