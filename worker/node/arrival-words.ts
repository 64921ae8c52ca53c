// An arrival as a page shows it: what was judged, what others judged, and what else a person should know.

import { toHex } from '#core/crypto/bytes.ts'
import { LAYER_NAMES } from '#core/gate/layer.ts'
import type { ArrivalState, OtherVerdict } from './gate-api.ts'
import { differsAt, type KnownChallenge } from './gate-challenges.ts'
import type { KnownVerdict } from './gate-verdicts.ts'
import type { KnownDispute } from './lineage-disputes.ts'
import type { Arrival, JudgedFinding } from './quarantine.ts'

export interface AboutArrival {
  readonly isJudging: boolean
  /** Its author stated two different things of its training. */
  readonly isContradicted: boolean
  readonly verdicts: readonly KnownVerdict[]
  readonly challengesOf: (verdictId: string) => readonly KnownChallenge[]
  readonly disputes: readonly KnownDispute[]
  /** Null for this node. */
  readonly nameOf: (key: string) => string | null
}

export function describeArrival(arrival: Arrival, about: AboutArrival): ArrivalState {
  const { id, kind, name, author, baseHash, baseName, bytes, at, hasFiles, use, decidedBy, judged } = arrival
  return {
    id,
    kind,
    name,
    author,
    authorName: about.nameOf(author),
    baseHash,
    baseName,
    bytes,
    at,
    judging: about.isJudging,
    hasFiles,
    use: use === 'allowed' ? 'allowed' : 'held',
    decidedBy,
    warnings: warningsOf(arrival, about),
    judgement: judged && { accepted: judged.accepted, at: judged.at, layers: judged.findings },
    others: about.verdicts.map((known) => describeVerdict(known, judged?.findings ?? [], about)),
    disputes: about.disputes.map(({ claim, confirmed }) => ({
      parent: toHex(claim.parent),
      claimant: toHex(claim.claimant),
      claimantName: about.nameOf(toHex(claim.claimant)),
      cosine: claim.cosine,
      confirmed,
    })),
  }
}

function warningsOf({ note, withdrawnAt, hasFiles, kind }: Arrival, { isContradicted }: AboutArrival): string[] {
  return [
    ...(note === '' ? [] : [note]),
    ...(withdrawnAt !== null ? ['Its author has taken it back. It is given to nobody any more.'] : []),
    ...(isContradicted ? ['Its author has stated two different things of its private training.'] : []),
    ...(hasFiles || kind === 'merged'
      ? []
      : ['What came is no genome that could be used, so its files were not kept.']),
  ]
}

function describeVerdict(known: KnownVerdict, own: readonly JudgedFinding[], about: AboutArrival): OtherVerdict {
  const { id, judge, content } = known
  const refusal = content.codes.findIndex(({ outcome }) => outcome === 'refused')
  return {
    judge,
    judgeName: about.nameOf(judge) ?? '',
    accepted: content.accepted,
    refusedBy: LAYER_NAMES[refusal] ?? null,
    code: content.codes[refusal]?.code ?? '',
    passed: content.codes.filter(({ outcome }) => outcome === 'passed').length,
    at: content.at,
    differsAt: differsAt(known, own),
    challenges: about.challengesOf(id).map(({ challenger, layer, code, reply }) => ({
      challengerName: about.nameOf(challenger),
      layer,
      code,
      reply,
    })),
  }
}
