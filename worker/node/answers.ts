// Answers on this node: askers wait in a fair queue, prompts become tokens, and several answers at a time run through the active
// model's pipeline, each on a KV cache of its own. They meet in its steps without changing each other's bits, and go on when a
// node of the pipeline is lost.

import { sha256 } from '#core/crypto/hash.ts'
import { CentramError } from '#core/errors.ts'
import { createDraftDepth, type DraftDepth } from '#core/speculation/draft-depth.ts'
import { DECODE_COLUMNS } from '../model/shard.ts'
import { runAnswer } from '../hyperlink/answer.ts'
import type { LastingSession } from '../hyperlink/lasting-session.ts'
import type { ActiveModel, LoadedModel } from './active-model.ts'
import { createAnswerText } from './answer-events.ts'
import { createAnswerQueue, OWN, type Place } from './answer-queue.ts'
import { createAnswerSessions, type AnswerSessions } from './answer-sessions.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from './api.ts'
import type { ActiveGenome } from './lab-api.ts'
import { promptOf } from './model-text.ts'

export interface Answers {
  /** `asker`: the peer that asks, where it is not the person here. */
  generate(request: GenerateRequest, hooks: AnswerListener, asker?: string): Promise<GenerateResult>
  /** Whether an answer of that id was running or waiting here. */
  stop(requestId: string): boolean
  /** Runs `work` in its turn among the answers, on the model and on one of the caches that they run on. */
  borrow<T>(borrower: Borrower, work: (loaded: LoadedModel, session: LastingSession) => Promise<T>): Promise<T>
  /**
   * Runs `work`, which may change what the model computes, when the answers asked for so far are given; those asked for later
   * wait for it, and go on from nothing that was computed before.
   */
  between<T>(work: () => Promise<T>): Promise<T>
  busy(): boolean
  load(): { readonly running: number; readonly waiting: number }
  /** As one asker has them, measured on the latest answer; 0 before the first. */
  tokensPerSecond(): number
}

export interface AnswerListener {
  onEvent(event: GenerateEvent): void
}

export interface Borrower {
  readonly asker: string
  readonly modelId: string
  readonly adapters?: readonly ActiveGenome[]
}

/** Answers that run at a time, where memory allows: more would only make each slower. */
const MOST_ANSWERS = 4

type Asking = { readonly modelId: string; readonly adapters?: readonly ActiveGenome[] | undefined }

interface Asked {
  readonly place: Place
  isCancelled: boolean
}

/** `now`: milliseconds, monotonic. */
export function createAnswers(active: ActiveModel, onIdle: () => void, now: () => number): Answers {
  const asked = new Map<string, Asked>()
  /** Of the model that answered last, with the adapters that it did so with. */
  let kept: { readonly kind: string; readonly sessions: AnswerSessions; readonly depth: DraftDepth } | null = null
  let msPerToken = 0
  const wished = () => Math.min(MOST_ANSWERS, active.current()?.mostSessions() ?? MOST_ANSWERS)
  const queue = createAnswerQueue(() => kept?.sessions.most() ?? wished(), onIdle)

  async function run(request: GenerateRequest, hooks: AnswerListener, asker: Asked): Promise<GenerateResult> {
    const loaded = await active.readyWith(request.modelId, request.adapters)
    const prompt = await promptTokens(loaded, request)
    const { sessions, depth } = keptFor(request)
    const taken = await sessions.take(asker.place.asker, prompt)
    try {
      const { continueFrom } = request
      const text = createAnswerText(loaded.tokenizer, continueFrom?.tokens)
      // All logits of a draft that does not hold would be fetched for nothing.
      const { drafts = request.logits === 'digest' ? 'none' : 'auto' } = request
      const isCancelled = () => asker.isCancelled
      const session = await taken.session.begin({
        prompt,
        ...(continueFrom && { goOnFrom: continueFrom }),
        // Bits that are to be compared follow from the prompt alone.
        fresh: request.logits === 'digest',
        isCancelled,
        onRecovery: ({ message }) => hooks.onEvent({ type: 'recovery', state: 'began', message }),
        onRecovered: () => hooks.onEvent({ type: 'recovery', state: 'done', message: '' }),
      })
      const total = prompt.length + (continueFrom?.tokens.length ?? 0)
      hooks.onEvent({ type: 'prefill', done: session.kept, total, path: session.path })
      const answer = await runAnswer(
        session,
        {
          prompt,
          goOnFrom: continueFrom?.tokens,
          maxTokens: request.maxTokens,
          sampling: request.sampling ?? {},
          endTokens: request.stopAtEnd === false ? new Set() : loaded.tokenizer.endTokens,
          digest: request.logits === 'digest',
          drafting: drafts === 'auto' ? { depth, now } : undefined,
        },
        {
          onPrefill: (done, total) => hooks.onEvent({ type: 'prefill', done, total }),
          onToken: (token, isEnd, step, digest) => hooks.onEvent(text.onToken(token, isEnd, step, digest)),
          isCancelled,
          sha256: async (bytes) => sha256(bytes),
        },
      )
      const result = text.result(answer, prompt.length, (active.current() ?? loaded).stages(), session.bytesSent())
      if (result.msPerToken > 0) msPerToken = result.msPerToken
      return result
    } finally {
      taken.release()
    }
  }

  function keptFor({ modelId, adapters }: Asking): NonNullable<typeof kept> {
    const kind = kindOf({ modelId, adapters })
    if (kept?.kind !== kind) {
      const open = async (place: number) => (await active.readyWith(modelId, adapters)).session(place)
      const depth = createDraftDepth(DECODE_COLUMNS - 1)
      kept = { kind, sessions: createAnswerSessions(wished, open), depth }
    }
    return kept
  }

  const kindOf = ({ modelId, adapters = active.chosen(modelId) }: Asking) =>
    [modelId, ...adapters.map(({ genomeId, weight }) => `${genomeId} × ${weight}`)].join('\n')

  function placeFor(asking: Asking, asker: string, onPosition: Place['onPosition']): Place {
    return {
      asker,
      get kind() {
        return kindOf(asking)
      },
      onPosition,
    }
  }

  return {
    async generate(request, hooks, asker = OWN) {
      const { requestId } = request
      if (asked.has(requestId)) throw new CentramError('BAD_ARGUMENT', 'There is an answer of that id already.')
      const onPosition = (position: number) => hooks.onEvent({ type: 'queue', position })
      const mine: Asked = { place: placeFor(request, asker, onPosition), isCancelled: false }
      asked.set(requestId, mine)
      try {
        return await queue.run(mine.place, () => run(request, hooks, mine))
      } catch (error) {
        if (mine.isCancelled && error instanceof CentramError && error.code === 'CANCELLED') return NEVER_BEGUN
        throw error
      } finally {
        asked.delete(requestId)
      }
    },
    borrow(borrower, work) {
      const { asker, modelId, adapters } = borrower
      return queue.run(
        placeFor(borrower, asker, () => undefined),
        async () => {
          const loaded = await active.readyWith(modelId, adapters)
          const taken = await keptFor(borrower).sessions.take(asker, [])
          try {
            return await work(loaded, taken.session)
          } finally {
            taken.release()
          }
        },
      )
    },
    stop(requestId) {
      const found = asked.get(requestId)
      if (!found) return false
      found.isCancelled = true
      queue.leave(found.place)
      return true
    },
    between: (work) =>
      queue.alone(() => {
        kept?.sessions.forget()
        return work()
      }),
    busy() {
      const { running, waiting } = queue.load()
      return running + waiting > 0
    },
    load: queue.load,
    tokensPerSecond: () => (msPerToken > 0 ? 1000 / msPerToken : 0),
  }
}

/** Of an answer that was stopped while it waited. */
const NEVER_BEGUN: GenerateResult = {
  text: '',
  tokens: [],
  promptTokens: 0,
  finish: 'cancelled',
  prefillMs: 0,
  msPerToken: 0,
  computeMs: [],
  networkMs: 0,
  bytesSent: 0,
  stages: [],
  logitsDigests: [],
}

async function promptTokens(loaded: LoadedModel, request: GenerateRequest): Promise<number[]> {
  const { prompt } = request
  if ('text' in prompt) return loaded.tokenizer.encode(prompt.text)
  return loaded.tokenizer.encode(await promptOf(loaded.model, prompt.messages))
}
