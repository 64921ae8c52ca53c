// Decoding with drafts: what the text suggests comes next rides along in the step of the token that is certain, and whatever
// of it turns out right needs no step of its own. A column's bits do not depend on its neighbours, so the results are those
// of plain decoding; a draft that did not hold is forgotten.

import type { DraftDepth } from '#core/speculation/draft-depth.ts'
import { createPromptLookup } from '#core/speculation/prompt-lookup.ts'
import type { OutputKind } from '../model/shard.ts'
import type { AnswerSession } from './lasting-session.ts'
import type { PipelineStep } from './pipeline-session.ts'
import type { StepResult } from './step-result.ts'

/** How many drafts were handed in, and how many of them held. */
export interface DraftCount {
  readonly handedIn: number
  readonly held: number
}

export interface DraftedSteps {
  /** Positions that are certain. */
  readonly length: number
  readonly count: DraftCount
  /**
   * The result after `token`. `wanted`: tokens the answer may still need, this one's result included. A step's time is told
   * with its first result; the results that came with it took none.
   */
  decode(token: number, output: OutputKind, wanted: number): Promise<PipelineStep>
  /** Forgets the drafts that nobody asked for. */
  settle(): void
}

type DraftSession = Pick<AnswerSession, 'length' | 'contextLength' | 'decode' | 'trim'>

/** A draft in the cache, and what comes after it if it holds. */
interface Ahead {
  readonly token: number
  readonly result: StepResult
}

/** `text`: all tokens so far, the prompt first. */
export function createDraftedSteps(
  session: DraftSession,
  text: readonly number[],
  depth: DraftDepth,
  now: () => number,
): DraftedSteps {
  const lookup = createPromptLookup(text)
  let ahead: Ahead[] = []
  let certain = session.length
  let handedIn = 0
  let held = 0
  /** The last step, until it is known how many of its drafts held. */
  let open: { readonly drafts: number; readonly milliseconds: number; readonly match: number; held: number } | null =
    null
  /** The first token proposed for a step that went without drafts. */
  let untried: { readonly token: number | undefined; readonly match: number } | null = null

  function close(): void {
    if (open) depth.noteStep(open)
    open = null
    if (ahead.length === 0) return
    ahead = []
    session.trim(certain)
  }

  return {
    get length() {
      return certain
    },
    get count() {
      return { handedIn, held }
    },
    settle: close,

    async decode(token, output, wanted) {
      if (untried !== null) depth.noteUntried(untried.token === token, untried.match)
      untried = null
      lookup.push(token)
      const [next] = ahead
      if (next && next.token === token) {
        ahead.shift()
        certain++
        held++
        if (open) open.held++
        return { result: next.result, totalMs: 0, computeMs: [] }
      }
      close()
      const room = Math.min(session.contextLength - certain, wanted) - 1
      const proposal = room > 0 ? lookup.propose() : null
      const match = proposal?.match ?? 0
      const drafts = proposal?.take(Math.min(depth.choose(match), room)) ?? []
      const began = now()
      const step = await session.decode(Uint32Array.of(token, ...drafts), output, drafts.length > 0 ? 'each' : 'last')
      certain++
      const milliseconds = now() - began
      if (drafts.length === 0 || step.result.kind !== 'columns') {
        untried = proposal && { token: proposal.take(1)[0], match }
        depth.noteStep({ drafts: 0, held: 0, milliseconds, match: 0 })
        return step
      }
      handedIn += drafts.length
      open = { drafts: drafts.length, milliseconds, match, held: 0 }
      const [result, ...results] = step.result.columns
      ahead = drafts.flatMap((draft, index) => {
        const after = results[index]
        return after ? [{ token: draft, result: after }] : []
      })
      return { ...step, result: result ?? { kind: 'none' } }
    },
  }
}
