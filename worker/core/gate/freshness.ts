// Layer 3: is the announcement new, and does its author say one thing only? Frames of a session have sequence numbers and a
// window of their own (core/protocol/replay-window.ts); here it is about what outlives a session.

import { toHex } from '#core/crypto/bytes.ts'
import { encodeCanonical } from '#core/crypto/canonical.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { withAnnounced, type Announced, type SignedHead } from '#core/gate/freshness-record.ts'
import {
  notRun,
  passed,
  refused,
  type Announcement,
  type Arrival,
  type Finding,
  type GateContext,
  type GateLayer,
} from '#core/gate/layer.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'

export const freshness: GateLayer = {
  name: 'freshness',

  async judge(candidate, context) {
    const genome = await candidate.genome()
    if (genome === null) return notRun('NO_MANIFEST', 'It has no manifest: nothing says when it was made.')
    const { announcement, sender } = candidate
    if (announcement === null) {
      return sender === null
        ? notRun('NO_SENDER', 'It came as a file: nobody announced it.')
        : refused('HEAD_MISMATCH', 'Nobody announced it: it came without being asked for.')
    }
    return (
      judgeHead(genome, announcement, candidate) ??
      judgeTimes(genome, announcement, context) ??
      judgeHistory(genome, announcement, candidate, context) ??
      passed('It is new here, and its author says one thing of it only.')
    )
  },

  async remember(candidate, { records }, { finding, outcome }) {
    const genome = await candidate.genome()
    const { announcement } = candidate
    if (genome === null || announcement === null || finding.outcome !== 'passed') return {}
    const before = records.freshness.get(genome.id)
    return {
      freshness: withAnnounced(records.freshness, genome.id, {
        author: toHex(genome.manifest.author),
        at: announcement.summary.at,
        signed: headOf(announcement) ?? before?.signed ?? null,
        decided: outcome !== 'incomplete',
      }),
    }
  },
}

/** Whether the announcement speaks of this genome. A second manifest under an announced id has another hash. */
function judgeHead(
  { id, manifest }: SignedGenome,
  { summary }: Announcement,
  { tensors, manifest: bytes, content }: Arrival,
): Finding | null {
  const differs =
    toHex(summary.genome) !== id
      ? 'its id'
      : toHex(summary.base) !== manifest.base.hash
        ? 'its base model'
        : content !== null && toHex(summary.content) !== content.id
          ? 'its content'
          : summary.bytes !== tensors.length + (bytes?.length ?? 0)
            ? 'its size'
            : null
  return differs === null
    ? null
    : refused('HEAD_MISMATCH', `What came is not what was announced: ${differs} is another one.`)
}

function judgeTimes(
  { manifest }: SignedGenome,
  { summary }: Announcement,
  { now, rules }: GateContext,
): Finding | null {
  const latest = now() + rules.clockSkewMs
  if (summary.at > latest || manifest.createdAt > latest) {
    return refused('FROM_THE_FUTURE', 'It says that it was made or announced at a time that has not come yet.')
  }
  if (summary.at + rules.clockSkewMs < manifest.createdAt) {
    return refused('BACK_IN_TIME', 'It was announced before it was made.')
  }
  return null
}

function judgeHistory(
  { id, manifest }: SignedGenome,
  announcement: Announcement,
  { again }: Arrival,
  { records, keys, withdrawnAt }: GateContext,
): Finding | null {
  const { at } = announcement.summary
  const author = toHex(manifest.author)
  const withdrawn = withdrawnAt(id, author)
  if (withdrawn !== null && withdrawn >= at) return refused('WITHDRAWN', 'Its author has taken it back.')

  const before = records.freshness.get(id)
  const head = headOf(announcement)
  if (head !== null) {
    for (const [genome, other] of records.freshness) {
      if (other.signed === null || !keys.isSame(other.author, author)) continue
      const problem = compareHeads({ ...other, signed: other.signed }, { at, head }, genome === id)
      if (problem !== null) return problem
    }
  }
  if (before?.decided === true && !again && at <= before.at) {
    return refused('REPLAYED', 'It was judged here already, under this announcement or a later one.')
  }
  return null
}

/** What one author signed before, against what it signs now. */
function compareHeads(
  before: Announced & { readonly signed: SignedHead },
  now: { readonly at: number; readonly head: SignedHead },
  isSameGenome: boolean,
): Finding | null {
  const { signed } = before
  const isSame = signed.digest === now.head.digest
  const equivocates = refused('EQUIVOCATION', 'Its author has said two different things in one breath. Neither counts.')
  if (isSameGenome && now.at < before.at) {
    return refused('BACK_IN_TIME', 'Its author has announced it anew since: this announcement is an old one.')
  }
  if (isSameGenome && now.at === before.at && !isSame) return equivocates
  if (signed.sequence === null || now.head.sequence === null || isSame) return null
  if (signed.sequence === now.head.sequence) return equivocates
  const isLater = now.head.sequence > signed.sequence
  if (isLater ? now.at < before.at : now.at > before.at) {
    return refused('BACK_IN_TIME', 'Its author’s announcements run against the time that they name.')
  }
  return null
}

/** Null for what others told: they may word it otherwise. */
function headOf({ summary, by, sequence }: Announcement): SignedHead | null {
  if (by === null) return null
  // The generation follows from the ancestors, of which its author may have come to know more since.
  const { generation: _, ...said } = summary
  return { digest: toHex(sha256(encodeCanonical(said))), sequence }
}
