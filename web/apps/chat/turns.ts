// What is kept of one turn of a chat: who wrote what, how an answer stands, who computed it and how fast.

import type { ErrorCode } from '#core/errors.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { GenerateResult, KeptAnswer, SamplingOptions } from '../../../worker/node/api.ts'
import type { Attachment } from './attachment.ts'

export interface Turn {
  readonly id: string
  /** The turn it follows; null for a chat's first. Turns of one parent are versions of one another. */
  readonly parent: string | null
  readonly role: 'user' | 'assistant'
  readonly text: string
  readonly model?: string
  /** Names of the genomes it was answered with. */
  readonly genomes?: readonly string[]
  /** Text that a model only continued is shown as it stands. */
  readonly plain?: boolean
  /** Text files that went with a question. */
  readonly attachments?: readonly Attachment[]
  /** `waiting` until the first token; `broken` keeps the text that came before the failure. */
  readonly state: 'done' | 'waiting' | 'streaming' | 'stopped' | 'broken'
  /** Questions before it, and how fast answers come there at present, while it waits its turn. */
  readonly queue?: { readonly position: number; readonly tokensPerSecond: number }
  /** Of the prompt, while it is read. */
  readonly prefill?: { readonly done: number; readonly total: number }
  /** The last node lost in the middle, and whether the answer has gone on since. */
  readonly recovery?: { readonly state: 'began' | 'done'; readonly message: string }
  readonly failure?: { readonly code: ErrorCode; readonly message: string }
  readonly result?: AnswerFigures
  /** Of an answer that ended early, for it to go on from. */
  readonly kept?: KeptTurn | undefined
}

/** The question is told by the turns before. */
export interface KeptTurn extends KeptAnswer {
  /** What the model was told before the first question, which may have been changed since. */
  readonly system?: string
  readonly modelId: string
  readonly sampling: SamplingOptions
}

export interface AnswerFigures {
  readonly tokens: number
  readonly msPerToken: number
  readonly computeMs: number
  readonly networkMs: number
  readonly finish: GenerateResult['finish']
  readonly nodeIds: readonly string[]
  /** Which layers each computed, in order. */
  readonly stages?: readonly { readonly nodeId: string; readonly range: LayerRange }[]
  /** Another node gave the whole answer, and placed the layers itself. */
  readonly answeredBy?: string
  /** What the nodes were called then, for those that have left since. */
  readonly names?: Readonly<Record<string, string>>
  /** Tokens that came with the step of an earlier one. */
  readonly drafted?: number
  /** Nodes that signed for what they computed. */
  readonly signedBy?: readonly string[]
}

export function isUnderWay({ state }: Turn): boolean {
  return state === 'waiting' || state === 'streaming'
}

/** Whether an answer ended before the model ended it: stopped, broken off, or at the longest length set. */
export function canGoOn(turn: Turn): boolean {
  return turn.role === 'assistant' && turn.kept !== undefined && !isUnderWay(turn)
}

/** An answer that was under way when the page went is kept as far as it came. */
export function settle(turn: Turn): Turn {
  return isUnderWay(turn) ? { ...turn, state: 'stopped' } : turn
}
