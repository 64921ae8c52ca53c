// Answers of other nodes, which a light node asks for every chat: the questions under way, and their answers put together again.

import { equalBytes, fromHex, toHex } from '#core/crypto/bytes.ts'
import { CentramError, type ErrorCode } from '#core/errors.ts'
import { answerTranscript, type Question } from '#core/protocol/answer-transcript.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../net/swarm.ts'
import { priceOf } from './answer-prices.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from './api.ts'
import { questionOf } from './question.ts'
import type { UsageReceipts } from './usage-receipts.ts'

type Send = Swarm['send']

export interface RemoteAnswers {
  ask(
    peer: string,
    fingerprint: string,
    request: GenerateRequest,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<GenerateResult>
  stop(requestId: string): boolean
  onOffer(peer: string, body: BodyOf<'INFER_OFFER'>): void
  onAccept(peer: string, body: BodyOf<'INFER_ACCEPT'>): void
  onReject(peer: string, body: BodyOf<'INFER_REJECT'>): void
  onTokens(peer: string, body: BodyOf<'INFER_TOKENS'>): void
  onDone(peer: string, body: BodyOf<'INFER_DONE'>): Promise<void>
  onPeerLost(peer: string, reason: CentramError): void
}

interface Asked {
  readonly peer: string
  readonly requestId: string
  readonly question: Question
  readonly onEvent: (event: GenerateEvent) => void
  readonly tokens: number[]
  text: string
  promptTokens: number
  /** As it was offered last. */
  price: BodyOf<'INFER_OFFER'>['price']
  resolve(result: GenerateResult): void
  reject(error: CentramError): void
}

/** Asks other nodes and puts their answers together again. */
export function createRemoteAnswers(
  send: Send,
  random: (length: number) => Uint8Array,
  receipts: Pick<UsageReceipts, 'expect' | 'verify'>,
  /** What this node pays for an answer at most. */
  cap: () => number = () => 0,
): RemoteAnswers {
  const asked = new Map<string, Asked>()

  function find(peer: string, request: Uint8Array): Asked | undefined {
    const found = asked.get(toHex(request))
    return found?.peer === peer ? found : undefined
  }

  return {
    ask(peer, fingerprint, request, onEvent) {
      const id = random(16)
      const key = toHex(id)
      const question = questionOf(fingerprint, request)
      const answer = new Promise<GenerateResult>((resolve, reject) => {
        const { tokens, text } = request.continueFrom ?? { tokens: [], text: '' }
        const state = { tokens: [...tokens], text, promptTokens: 0, price: { prompt: 0, answer: 0 } }
        asked.set(key, { peer, requestId: request.requestId, question, onEvent, ...state, resolve, reject })
      })
      try {
        const priceCap = cap()
        send(peer, 'INFER_REQUEST', { request: id, ...question, ...(priceCap > 0 && { priceCap }) })
      } catch (error) {
        asked.delete(key)
        throw error
      }
      return answer.finally(() => asked.delete(key))
    },

    stop(requestId) {
      for (const [key, { peer, requestId: id }] of asked) {
        if (id !== requestId) continue
        send(peer, 'INFER_CANCEL', { request: fromHex(key) ?? new Uint8Array(16) })
        return true
      }
      return false
    },

    onOffer(peer, { request, price, position, tokensPerSecond }) {
      const found = find(peer, request)
      if (!found) return
      found.price = price
      found.onEvent({ type: 'queue', position, tokensPerSecond })
    },

    onAccept(peer, { request, promptTokens, path }) {
      const found = find(peer, request)
      if (!found) return
      found.promptTokens = promptTokens
      // Its turn has come.
      found.onEvent({ type: 'prefill', done: 0, total: promptTokens, path })
    },

    onReject(peer, { request, code, message }) {
      find(peer, request)?.reject(new CentramError(code as ErrorCode, message))
    },

    onTokens(peer, { request, first, tokens, text, timings }) {
      const found = find(peer, request)
      if (!found) return
      if (first !== found.tokens.length || timings.length !== tokens.length) {
        throw new CentramError('PROTOCOL_VIOLATION', 'The tokens of an answer came out of order.')
      }
      found.tokens.push(...tokens)
      found.text += text
      for (const [index, token] of tokens.entries()) {
        const timing = timings[index]
        // The text of a batch is shown with its first token.
        if (timing) found.onEvent({ type: 'token', token, text: index === 0 ? text : '', timing })
      }
    },

    async onDone(peer, { request, finish, timings, usage, transcript }) {
      const found = find(peer, request)
      if (!found) return
      const { text, tokens, promptTokens, question } = found
      const answer = { text, tokens, promptTokens, finish, ...timings, stages: [], answeredBy: peer, logitsDigests: [] }
      const model = fromHex(question.model)
      if (!transcript || !model) return found.resolve(answer)
      const hash = answerTranscript(question, tokens)
      if (!equalBytes(hash, transcript.hash)) {
        const error = new CentramError(
          'PROTOCOL_VIOLATION',
          'The node that answered signed another answer than it gave.',
        )
        found.reject(error)
        throw error
      }
      const price = priceOf(found.price, usage)
      // What costs more than it may is not signed for, and so not paid.
      if (price <= cap()) receipts.expect(peer, { request, model, genomes: [], usage, transcript: hash, price })
      const parts = transcript.receipts.map((part) => ({ ...part, asker: null }))
      const signers = await receipts.verify(parts, fromHex(peer) ?? new Uint8Array(0), hash).catch(() => [])
      found.resolve({ ...answer, signedBy: [peer, ...signers] })
    },

    onPeerLost(peer, reason) {
      for (const found of asked.values()) if (found.peer === peer) found.reject(reason)
    },
  }
}
