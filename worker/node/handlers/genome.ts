// Handlers of the genome family.

import type { Swarm } from '../../net/swarm.ts'
import type { GenomeExchange } from '../genome-exchange.ts'
import type { GenomeJudging } from '../genome-judging.ts'
import type { GenomeProposals } from '../genome-proposals.ts'

export function handleGenome(
  swarm: Swarm,
  exchange: GenomeExchange,
  proposals: GenomeProposals,
  judging: GenomeJudging,
): void {
  swarm.handle('GENOME_ANNOUNCE', exchange.onAnnounce)
  swarm.handle('GENOME_QUERY', exchange.onQuery)
  swarm.handle('GENOME_LIST', exchange.onList)
  swarm.handle('GENOME_WITHDRAW', exchange.onWithdraw)
  swarm.handle('GENOME_MERGE_PROPOSE', proposals.onPropose)
  swarm.handle('GENOME_MERGE_RESULT', proposals.onResult)
  swarm.handle('GENOME_EVAL_REQUEST', judging.onRequest)
  swarm.handle('GENOME_EVAL_REPORT', judging.onReport)
  swarm.onPeerOpen(exchange.onPeerOpen)
  swarm.onPeerLost((peer) => {
    exchange.onPeerLost(peer)
    proposals.onPeerLost(peer)
    judging.onPeerLost(peer)
  })
  swarm.onPeerRefused((peer, refusal) => {
    proposals.onRefused(peer, refusal)
    judging.onRefused(peer, refusal)
  })
}
