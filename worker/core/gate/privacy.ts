// Layer 7: does what its author claims of private training hold together? ε is computed again from (σ, q, T, δ), and added up
// over all that the author claimed before. That noise was really added nobody can see from outside: the trainer adds it.

import { toHex } from '#core/crypto/bytes.ts'
import { notRun, passed, refused, type Candidate, type Finding, type GateLayer } from '#core/gate/layer.ts'
import {
  composedEpsilon,
  MAX_USES_OF_AUTHOR,
  usesOf,
  withUse,
  type PrivateRun,
  type TextUse,
} from '#core/gate/privacy-budget.ts'
import type { PrivacyRules } from '#core/gate/rules.ts'
import type { GenomeManifest, PrivacyStatement } from '#core/genome/manifest.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import { pldEpsilon } from '#core/privacy/pld-accountant.ts'
import { rdpEpsilon } from '#core/privacy/rdp-accountant.ts'
import { DP_CLAIM } from '#core/protocol/messages/gate.ts'
import { readObject, type ObjectOf } from '#core/protocol/signed-object.ts'

type DpClaim = ObjectOf<typeof DP_CLAIM>

/** What two implementations of one formula may differ by. */
const ROUNDING = 1e-6

export const privacy: GateLayer = {
  name: 'privacy',

  async judge(candidate, context) {
    const genome = await candidate.genome()
    if (genome === null) return notRun('NO_MANIFEST', 'It has no manifest: it claims nothing of private training.')
    const claim = claimOf(candidate)
    const { manifest } = genome
    const contradiction = contradictionIn(genome, claim)
    if (contradiction !== null) return refused('CLAIM_CONTRADICTS', contradiction)
    const uses = usesOf(context.records.budgets, toHex(manifest.author), genome.id, context.keys.isSame)
    const use = useOf(genome, claim)
    const before = context.records.budgets.get(genome.id)?.text ?? null
    if (before !== null && use.text !== null && before !== use.text) {
      return refused('CLAIM_CONTRADICTS', 'Its author named another text for it before.')
    }
    const statement = manifest.privacy
    if (statement === undefined || use.claim === null) return judgeOpen(use, uses)
    return (
      judgeStatement(statement, manifest, context.rules.privacy) ??
      judgeBudget(use.text, use.claim, uses, context.rules.privacy)
    )
  },

  async remember(candidate, { records }, { finding }) {
    const genome = await candidate.genome()
    if (genome === null) return {}
    const use = useOf(genome, claimOf(candidate))
    // A run whose ε did not fit any more was made all the same, and what it took of the text is gone.
    const counts = finding.outcome === 'passed' || finding.code === 'BUDGET_SPENT' || finding.code === 'BUDGET_RESET'
    if (!counts || (use.claim === null && use.text === null)) return {}
    return { budgets: withUse(records.budgets, genome.id, use) }
  },
}

const claimOf = ({ claim }: Candidate): DpClaim | null => claim && readObject(DP_CLAIM, claim.claim)

function useOf({ manifest }: SignedGenome, claim: DpClaim | null): TextUse {
  const { privacy: statement, training } = manifest
  return {
    author: toHex(manifest.author),
    text: claim ? toHex(claim.dataHash) : (training?.dataHash ?? null),
    claim: statement
      ? {
          sigma: statement.noiseMultiplier,
          q: statement.sampleRate,
          steps: statement.steps,
          delta: statement.delta,
        }
      : null,
  }
}

/** What cannot all be true of what its author says; null where it can. */
function contradictionIn({ id, manifest }: SignedGenome, claim: DpClaim | null): string | null {
  const { privacy: statement, training } = manifest
  if (claim && !statement) return 'Its author claims private training for it elsewhere, but not in its manifest.'
  if (!statement) return null
  if (claim) {
    if (toHex(claim.genome) !== id) return 'The claim of private training that came with it is of another genome.'
    const differs = differenceOf(claim, statement)
    if (differs !== null) return `Its manifest and its author’s claim name two different figures for ${differs}.`
    if (training?.dataHash !== undefined && training.dataHash !== toHex(claim.dataHash)) {
      return 'Its manifest and its author’s claim name two different texts.'
    }
  }
  if (training && training.steps !== statement.steps) {
    return `It was trained for ${training.steps} steps, but claims privacy for ${statement.steps} of them.`
  }
  if (training?.finalLoss !== undefined || training?.heldOutLoss !== undefined) {
    return 'It claims private training and shows losses that were computed from the text without noise.'
  }
  return null
}

function differenceOf(claim: DpClaim, statement: PrivacyStatement): string | null {
  const { epsilonRdp, epsilonPld } = statement
  const pairs: [string, boolean][] = [
    ['the noise', claim.noiseMultiplier === statement.noiseMultiplier],
    ['the sampling rate', claim.sampleRate === statement.sampleRate],
    ['the steps', claim.steps === statement.steps],
    ['δ', claim.delta === statement.delta],
    ['the clip', claim.clipNorm === statement.clipNorm],
    ['ε', claim.epsilon === epsilonRdp || claim.epsilon === epsilonPld],
  ]
  return pairs.find(([, isSame]) => !isSame)?.[0] ?? null
}

/** Trained without noise: nothing to promise, but also nothing left to promise for the same text. */
function judgeOpen(use: TextUse, uses: readonly TextUse[]): Finding {
  const isBroken = use.text !== null && uses.some(({ text, claim }) => claim !== null && text === use.text)
  return isBroken
    ? refused(
        'CLAIM_CONTRADICTS',
        'Its author promised privacy for this text and now shows what was trained on it without.',
      )
    : passed('It claims no private training, so there is nothing to compute again.')
}

function judgeStatement(
  statement: PrivacyStatement,
  { training }: GenomeManifest,
  rules: PrivacyRules,
): Finding | null {
  const { noiseMultiplier: sigma, sampleRate: q, steps, delta, clipNorm, epsilonRdp, epsilonPld } = statement
  if (!(clipNorm <= rules.maxClip)) {
    return refused('CLIP_UNFIT', `Gradients were clipped to ${clipNorm}: that is no bound worth the name.`)
  }
  const examples = training ? training.batchSize / q : 0
  if (delta > rules.maxDelta || delta * examples > 1 + ROUNDING) {
    return refused('EPSILON_FALSE', `A δ of ${delta} would not even rule out that somebody’s text is published whole.`)
  }
  const { epsilon } = rdpEpsilon({ sigma, q }, steps, delta)
  const figures = { claimedEpsilon: epsilonPld ?? epsilonRdp, epsilon }
  if (!(epsilonRdp >= epsilon * (1 - ROUNDING)) || !Number.isFinite(epsilon)) {
    return refused(
      'EPSILON_FALSE',
      `It claims an ε of ${epsilonRdp.toPrecision(4)}; its own figures give ${epsilon.toPrecision(4)}.`,
      { figures },
    )
  }
  if (epsilonPld !== undefined && epsilonPld < epsilon) {
    const tighter = pldEpsilon({ sigma, q }, steps, delta)
    if (!(epsilonPld >= tighter * (1 - ROUNDING))) {
      return refused(
        'EPSILON_FALSE',
        `It claims an ε of ${epsilonPld.toPrecision(4)}; its own figures give ${tighter.toPrecision(4)}.`,
        { figures: { ...figures, epsilon: tighter } },
      )
    }
  }
  return null
}

function judgeBudget(
  text: string | null,
  run: PrivateRun,
  uses: readonly TextUse[],
  { textEpsilon, authorEpsilon }: PrivacyRules,
): Finding {
  if (text !== null && uses.some((use) => use.claim === null && use.text === text)) {
    return refused(
      'CLAIM_CONTRADICTS',
      'Its author trained on the same text without noise before: nothing of it is private.',
    )
  }
  const runs = uses.flatMap(({ claim }) => claim ?? [])
  if (runs.length >= MAX_USES_OF_AUTHOR) {
    return refused(
      'BUDGET_SPENT',
      `Its author has claimed private training ${runs.length} times, and no more are counted.`,
    )
  }
  // A run on a text that is not named may have been on this one, and this one on any.
  const onText = uses.flatMap((use) => (use.claim && (text === null || (use.text ?? text) === text) ? [use.claim] : []))
  const epsilonOfText = composedEpsilon([...onText, run], run.delta)
  const epsilonOfAuthor = composedEpsilon([...runs, run], run.delta)
  const figures = { textEpsilon: epsilonOfText, authorEpsilon: epsilonOfAuthor }
  if (epsilonOfText > textEpsilon) {
    return refused(
      'BUDGET_SPENT',
      `With what its author trained on this text before, ε comes to ${epsilonOfText.toPrecision(3)}; ${textEpsilon} is the most.`,
      { figures },
    )
  }
  if (epsilonOfAuthor > authorEpsilon) {
    return refused(
      'BUDGET_RESET',
      `Over all texts that its author names, ε comes to ${epsilonOfAuthor.toPrecision(3)}; ${authorEpsilon} is the most: ` +
        'another name for a text does not make it another text.',
      { figures },
    )
  }
  return passed(
    'Its claim of private training agrees with itself and with all that its author claimed before.',
    figures,
  )
}
