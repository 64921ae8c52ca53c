// A question to another node that outlives the node: when the one that answers leaves, another that holds the model is asked to
// go on from the tokens that came. It goes on with the same question, path and seed; the bits are the same where its GPU and
// its kernel profile are.

import { CentramError } from '#core/errors.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult, KeptAnswer } from './api.ts'
import type { RemoteAnswers } from './remote-answers.ts'

export interface Holder {
  readonly peer: string
  readonly fingerprint: string
}

export interface SteadyAskingOptions {
  readonly ask: RemoteAnswers['ask']
  /** A node that can answer now; one that left is none. */
  findHolder(modelId: string): Promise<Holder | undefined>
}

/** Holders that leave one after the other without a token between them. */
const MOST_LOSSES = 4

/** Throws `PEER_LEFT` when nobody is left to ask; what came stays with the listener. */
export async function askSteadily(
  { ask, findHolder }: SteadyAskingOptions,
  first: Holder,
  request: GenerateRequest,
  listener: (event: GenerateEvent) => void,
): Promise<GenerateResult> {
  let kept: KeptAnswer = request.continueFrom ?? { tokens: [], text: '' }
  const wanted = kept.tokens.length + request.maxTokens
  let promptTokens = 0
  let losses = 0
  let recovering = false
  const onEvent = (event: GenerateEvent) => {
    if (event.type === 'prefill') {
      promptTokens = Math.max(promptTokens, event.total)
      kept = { ...kept, path: event.path ?? kept.path }
      if (recovering) listener({ type: 'recovery', state: 'done', message: '' })
      recovering = false
    }
    if (event.type === 'token') {
      kept = { ...kept, tokens: [...kept.tokens, event.token], text: kept.text + event.text }
      losses = 0
    }
    listener(event)
  }
  for (let holder = first; ;) {
    const maxTokens = wanted - kept.tokens.length
    try {
      const rest = kept.tokens.length > 0 ? { ...request, maxTokens, continueFrom: kept } : request
      return await ask(holder.peer, holder.fingerprint, rest, onEvent)
    } catch (error) {
      if (!(error instanceof CentramError) || error.code !== 'PEER_LEFT' || ++losses > MOST_LOSSES) throw error
      // It left between the last token and its goodbye.
      if (kept.tokens.length === wanted) return { ...NO_FIGURES, ...kept, promptTokens, finish: 'length' }
      const next = await findHolder(request.modelId)
      if (!next) {
        const message = `${error.message} No other node here answers with this model, so the answer ends here; it can go on later.`
        throw new CentramError('PEER_LEFT', message, { cause: error })
      }
      holder = next
      recovering = true
      listener({ type: 'recovery', state: 'began', message: error.message })
    }
  }
}

const NO_FIGURES = {
  prefillMs: 0,
  msPerToken: 0,
  computeMs: [],
  networkMs: 0,
  bytesSent: 0,
  stages: [],
  logitsDigests: [],
}
