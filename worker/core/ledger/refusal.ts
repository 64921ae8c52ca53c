// Why something of the ledger does not count: a code a program can branch on and that travels in messages, and plain words.

/** Upper case, as `errorCodeField` takes them. */
export type LedgerCode =
  // entries and their chain
  | 'ENTRY_INVALID'
  | 'SUBJECT_INVALID'
  | 'SUBJECT_UNSIGNED'
  | 'NOT_A_PARTY'
  | 'WRONG_AUTHOR'
  | 'WRONG_PLACE'
  | 'CHAIN_BROKEN'
  | 'BACK_IN_TIME'
  | 'LOG_CLOSED'
  | 'HEAD_INVALID'
  | 'HEAD_UNSIGNED'
  | 'FROM_THE_FUTURE'
  // authors
  | 'AUTHOR_UNKNOWN'
  | 'AUTHOR_FROZEN'
  | 'NO_CONFLICT'
  // witnesses
  | 'OWN_HEAD'
  | 'NOT_VERIFIED'
  | 'SEEN_OTHERWISE'
  | 'SEEN_BEFORE'
  // credit lines and transfers
  | 'OLD_VERSION'
  | 'WRONG_PARTY'
  | 'OVER_LIMIT'
  | 'AMOUNT_TOO_LARGE'
  | 'SEQUENCE_USED'
  | 'ALREADY_PAID'
  | 'EXPIRED'
  | 'TRANSFER_INVALID'
  | 'TRANSFER_UNKNOWN'
  | 'TOO_MANY_OPEN'
  | 'UNSIGNED'
  // royalties
  | 'RECEIPT_INVALID'
  | 'TOO_MANY_SHARES'
  | 'STATEMENT_INVALID'
  | 'OTHER_RECEIPTS'
  | 'OTHER_SHARES'
  | 'OTHER_TERMS'
  | 'TERMS_UNKNOWN'
  | 'LINEAGE_UNKNOWN'

export interface Refusal {
  readonly outcome: 'refused'
  readonly code: LedgerCode
  /** For a person. */
  readonly message: string
}

export function refuse(code: LedgerCode, message: string): Refusal {
  return { outcome: 'refused', code, message }
}

export function isRefusal(result: object): result is Refusal {
  return 'outcome' in result && result.outcome === 'refused'
}
