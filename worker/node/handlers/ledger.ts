// Handlers of the ledger family.

import type { Swarm } from '../../net/swarm.ts'
import type { CreditLines } from '../credit-lines.ts'
import type { Royalties } from '../royalties.ts'

export function handleLedger(swarm: Swarm, credit: CreditLines, royalties: Royalties): void {
  swarm.handle('LEDGER_CREDIT_LINE', credit.onCreditLine)
  swarm.handle('LEDGER_PROPOSE', credit.onPropose)
  swarm.handle('LEDGER_COSIGN', credit.onCosign)
  swarm.handle('LEDGER_ABORT', credit.onAbort)
  swarm.handle('LEDGER_ROYALTY_RULE', royalties.onRoyaltyRule)
  swarm.handle('LEDGER_USAGE', royalties.onUsage)
  swarm.handle('LEDGER_ROYALTY', royalties.onRoyalty)
  swarm.handle('LEDGER_DISPUTE', async (peer, body) => {
    await royalties.onDispute(peer, body)
  })
}
