// Merges that are carried out for others, paid for by receipts as answers are.

import { requirePayable } from './answer-prices.ts'
import type { MergeSales, SoldMerge } from './genome-proposals.ts'
import type { AnswerAccounts } from './ledger.ts'
import type { AccountedAnswer, UsageReceipts } from './usage-receipts.ts'

export function sellMerges(
  receipts: () => Pick<UsageReceipts, 'issue' | 'expect'>,
  accounts: Pick<AnswerAccounts, 'prices' | 'creditOf'>,
): MergeSales {
  const account = ({ proposal, recipe, genome }: SoldMerge, price: number): AccountedAnswer => ({
    work: 'merge',
    request: proposal,
    model: recipe.base,
    genomes: recipe.parents,
    usage: { promptTokens: 0, tokens: 0 },
    transcript: genome,
    price,
  })
  return {
    requirePayable(peer) {
      const { merge } = accounts.prices()
      // How much the asker pays at most it says by signing the receipt, or not.
      if (merge > 0) requirePayable(merge, merge, accounts.creditOf(peer))
    },
    sold: (peer, merge) => receipts().issue(peer, account(merge, accounts.prices().merge)),
    bought: (peer, merge) => receipts().expect(peer, account(merge, accounts.prices().cap)),
  }
}
