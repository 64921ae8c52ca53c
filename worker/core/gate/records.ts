// What the gate remembers between arrivals: plain values that a node keeps as they are. Each part is read and written by
// one layer.

import type { FreshnessRecord } from '#core/gate/freshness-record.ts'
import type { BudgetRecord } from '#core/gate/privacy-budget.ts'
import type { QuotaRecord } from '#core/gate/quota.ts'

export interface GateRecords {
  readonly quota: QuotaRecord
  readonly freshness: FreshnessRecord
  readonly budgets: BudgetRecord
}

export const NO_RECORDS: GateRecords = {
  quota: { keys: new Map(), addresses: new Map() },
  freshness: new Map(),
  budgets: new Map(),
}
