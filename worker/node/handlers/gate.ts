// Handlers of the gate family.

import type { Swarm } from '../../net/swarm.ts'
import type { DpStatements } from '../dp-statements.ts'
import type { GateChallenges } from '../gate-challenges.ts'
import type { GateVerdicts } from '../gate-verdicts.ts'
import type { LineageDisputes } from '../lineage-disputes.ts'
import type { LineageExchange } from '../lineage-exchange.ts'

export interface GateParts {
  readonly verdicts: GateVerdicts
  readonly challenges: GateChallenges
  readonly statements: DpStatements
  readonly lineage: LineageExchange
  readonly disputes: LineageDisputes
}

export function handleGate(swarm: Swarm, { verdicts, challenges, statements, lineage, disputes }: GateParts): void {
  swarm.handle('GATE_DP_STATEMENT', statements.onStatement)
  swarm.handle('GATE_VERDICT', verdicts.onVerdict)
  swarm.handle('GATE_VERDICT_QUERY', verdicts.onQuery)
  swarm.handle('GATE_CHALLENGE', challenges.onChallenge)
  swarm.handle('GATE_REPLY', challenges.onReply)
  swarm.handle('GATE_LINEAGE_REQUEST', lineage.onRequest)
  swarm.handle('GATE_LINEAGE', lineage.onLineage)
  swarm.handle('GATE_LINEAGE_DISPUTE', disputes.onDispute)
  swarm.onPeerOpen(statements.onPeerOpen)
  swarm.onPeerLost((peer) => {
    verdicts.onPeerLost(peer)
    challenges.onPeerLost(peer)
    lineage.onPeerLost(peer)
  })
}
