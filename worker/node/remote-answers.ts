// Answers between nodes, both ends of the infer family: asking another node, which a light node does for every chat, and
// serving those who ask here.

import { fromHex, toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode, errorMessage, type ErrorCode } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../net/swarm.ts'
import type { Answers } from './answers.ts'
import type { GenerateEvent, GenerateRequest, GenerateResult } from './api.ts'

type Send = Swarm['send']

/** Answers one peer may have running or waiting here. */
const MAX_PER_PEER = 4

export interface RemoteAnswers {
  ask(
    peer: string,
    fingerprint: string,
    request: GenerateRequest,
    onEvent: (event: GenerateEvent) => void,
  ): Promise<GenerateResult>
  stop(requestId: string): boolean
  onAccept(peer: string, body: BodyOf<'INFER_ACCEPT'>): void
  onReject(peer: string, body: BodyOf<'INFER_REJECT'>): void
  onTokens(peer: string, body: BodyOf<'INFER_TOKENS'>): void
  onDone(peer: string, body: BodyOf<'INFER_DONE'>): void
  onPeerLost(peer: string, reason: CentramError): void
}

interface Asked {
  readonly peer: string
  readonly requestId: string
  readonly onEvent: (event: GenerateEvent) => void
  readonly tokens: number[]
  text: string
  promptTokens: number
  resolve(result: GenerateResult): void
  reject(error: CentramError): void
}

/** Asks other nodes and puts their answers together again. */
export function createRemoteAnswers(send: Send, random: (length: number) => Uint8Array): RemoteAnswers {
  const asked = new Map<string, Asked>()

  function find(peer: string, request: Uint8Array): Asked | undefined {
    const found = asked.get(toHex(request))
    return found?.peer === peer ? found : undefined
  }

  return {
    ask(peer, fingerprint, request, onEvent) {
      const id = random(16)
      const key = toHex(id)
      const { prompt, maxTokens, sampling = {}, stopAtEnd = true } = request
      const answer = new Promise<GenerateResult>((resolve, reject) => {
        const state = { tokens: [], text: '', promptTokens: 0 }
        asked.set(key, { peer, requestId: request.requestId, onEvent, ...state, resolve, reject })
      })
      try {
        send(peer, 'INFER_REQUEST', {
          request: id,
          model: fingerprint,
          prompt: wirePrompt(prompt),
          maxTokens,
          sampling,
          stopAtEnd,
        })
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

    onAccept(peer, { request, promptTokens }) {
      const found = find(peer, request)
      if (found) found.promptTokens = promptTokens
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

    onDone(peer, { request, finish, timings }) {
      const found = find(peer, request)
      if (!found) return
      const { text, tokens, promptTokens } = found
      found.resolve({ text, tokens, promptTokens, finish, ...timings, stages: [], logitsDigests: [] })
    },

    onPeerLost(peer, reason) {
      for (const found of asked.values()) if (found.peer === peer) found.reject(reason)
    },
  }
}

export interface AnswerServer {
  onRequest(peer: string, body: BodyOf<'INFER_REQUEST'>): void
  onCancel(peer: string, body: BodyOf<'INFER_CANCEL'>): void
  onPeerLost(peer: string): void
}

/** Serves other nodes' requests with this node's own answers. */
export function createAnswerServer(
  send: Send,
  answers: Answers,
  modelOf: (fingerprint: string) => string | undefined,
): AnswerServer {
  const running = new Map<string, Set<string>>()

  async function serve(peer: string, body: BodyOf<'INFER_REQUEST'>, requestId: string): Promise<void> {
    const { request } = body
    let sent = 0
    const modelId = modelOf(body.model)
    if (modelId === undefined)
      throw new CentramError('MODEL_UNKNOWN', 'That model is no longer loaded on the node you asked.')
    const { prompt, maxTokens, sampling, stopAtEnd } = body
    const result = await answers.generate(
      { requestId, modelId, prompt, maxTokens, sampling, stopAtEnd },
      {
        onStart: (promptTokens) => send(peer, 'INFER_ACCEPT', { request, promptTokens }),
        onEvent(event) {
          if (event.type !== 'token') return
          const { token, text, timing } = event
          send(peer, 'INFER_TOKENS', { request, first: sent++, tokens: [token], text, timings: [wireTiming(timing)] })
        },
      },
    )
    const { finish, promptTokens, prefillMs, msPerToken, computeMs, networkMs, bytesSent } = result
    send(peer, 'INFER_DONE', {
      request,
      finish,
      usage: { promptTokens, tokens: result.tokens.length },
      timings: { prefillMs, msPerToken, computeMs: [...computeMs], networkMs, bytesSent },
    })
  }

  return {
    onRequest(peer, body) {
      const mine = running.get(peer) ?? new Set()
      running.set(peer, mine)
      const requestId = `${peer}/${toHex(body.request)}`
      const reject = (error: unknown) => {
        try {
          const message = errorMessage(error).slice(0, 500)
          send(peer, 'INFER_REJECT', { request: body.request, code: errorCode(error), message })
        } catch {
          // The asker is gone.
        }
      }
      if (mine.size >= MAX_PER_PEER) {
        reject(
          new CentramError(
            'NO_CAPACITY',
            `The node already works on ${mine.size} of your questions. Wait for one to end.`,
          ),
        )
        return
      }
      mine.add(requestId)
      serve(peer, body, requestId)
        .catch(reject)
        .finally(() => mine.delete(requestId))
    },
    onCancel: (peer, { request }) => void answers.stop(`${peer}/${toHex(request)}`),
    onPeerLost(peer) {
      for (const requestId of running.get(peer) ?? []) answers.stop(requestId)
      running.delete(peer)
    },
  }
}

function wirePrompt(prompt: GenerateRequest['prompt']): BodyOf<'INFER_REQUEST'>['prompt'] {
  if ('text' in prompt) return { text: prompt.text }
  return { messages: prompt.messages.map(({ role, content }) => ({ role, content })) }
}

const wireTiming = ({
  totalMs,
  computeMs,
  networkMs,
}: {
  totalMs: number
  computeMs: readonly number[]
  networkMs: number
}) => ({
  totalMs,
  computeMs: [...computeMs],
  networkMs,
})
