// Tells from a connection's statistics whether its packets pass a TURN relay (W3C WebRTC statistics, candidate pairs).

import type { PeerState } from '../../worker/node/api.ts'

/** Null while no pair of candidates is in use. */
export async function readPath(pc: RTCPeerConnection): Promise<PeerState['path']> {
  const report = await pc.getStats()
  const entries = [...report.values()] as readonly Record<string, unknown>[]
  const chosen = entries.find(({ type, selectedCandidatePairId }) => type === 'transport' && selectedCandidatePairId)
  const pair = chosen
    ? (report.get(chosen['selectedCandidatePairId'] as string) as Record<string, unknown> | undefined)
    : // Firefox marks the pair itself.
      entries.find(({ type, selected }) => type === 'candidate-pair' && selected === true)
  if (!pair) return null
  const isRelay = (id: unknown) =>
    (report.get(id as string) as { candidateType?: unknown } | undefined)?.candidateType === 'relay'
  return isRelay(pair['localCandidateId']) || isRelay(pair['remoteCandidateId']) ? 'relayed' : 'direct'
}
