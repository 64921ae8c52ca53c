// Other nodes' questions, answered with this node's own answers: each asker hears its place while it waits, then its tokens as
// fast as it reads them.

import { toHex } from '#core/crypto/bytes.ts'
import type { Clock } from '#core/clock.ts'
import { CentramError, errorCode, errorMessage } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../net/swarm.ts'
import { priceOf, requirePayable } from './answer-prices.ts'
import type { Answers } from './answers.ts'
import type { StepTiming, StretchLength } from './api.ts'
import type { AnswerAccounts } from './ledger.ts'
import { MOST_STRETCHES } from './question.ts'
import type { SignedAnswers } from './signed-answers.ts'
import { createTokenOutbox } from './token-outbox.ts'
import type { UsageReceipts } from './usage-receipts.ts'

/** Answers one peer may have running or waiting here. */
const MAX_PER_PEER = 4
/** Before tokens are handed to a peer again for whom there was no room. */
const RETRY_MS = 50
/** An offer stands until another comes, or the peer leaves. */
const OFFER_VALID_MS = 600_000

export interface AnswerServer {
  onRequest(peer: string, body: BodyOf<'INFER_REQUEST'>): void
  onCancel(peer: string, body: BodyOf<'INFER_CANCEL'>): void
  onPeerLost(peer: string): void
}

export interface AnswerServerOptions {
  readonly swarm: Pick<Swarm, 'send' | 'drained'>
  readonly clock: Clock
  readonly answers: Answers
  /** The same answers, with what the nodes that computed them signed. */
  readonly signed: Pick<SignedAnswers, 'generate'>
  readonly receipts: Pick<UsageReceipts, 'issue'>
  readonly accounts: Pick<AnswerAccounts, 'prices' | 'creditOf'>
  modelOf(fingerprint: string): string | undefined
  /** Throws while this node computes nothing for others. */
  requireHelping?(): void
}

export function createAnswerServer(options: AnswerServerOptions): AnswerServer {
  const { swarm, clock, answers, signed, receipts, accounts } = options
  const running = new Map<string, Set<string>>()

  async function serve(peer: string, body: BodyOf<'INFER_REQUEST'>, requestId: string): Promise<void> {
    const { request } = body
    options.requireHelping?.()
    const modelId = options.modelOf(body.model)
    if (modelId === undefined)
      throw new CentramError('MODEL_UNKNOWN', 'That model is no longer loaded on the node you asked.')
    const { prompt, maxTokens, sampling, stopAtEnd, continueFrom } = body
    const before = continueFrom?.tokens.length ?? 0
    const { prompt: perPrompt, answer: perAnswer } = accounts.prices()
    const price = { prompt: perPrompt, answer: perAnswer }
    const isFree = perPrompt === 0 && perAnswer === 0
    // Who pays knows for what before anything is computed.
    if (!isFree) offer(peer, request, price, answers.load().waiting)
    const kept = continueFrom && { continueFrom: { ...continueFrom, text: '' } }
    const outbox = createTokenOutbox<StepTiming>({
      send(index, batch) {
        const first = before + index
        const tokens = batch.map(({ token }) => token)
        const text = batch.map((token) => token.text).join('')
        const timings = batch.map(({ timing }) => wireTiming(timing))
        swarm.send(peer, 'INFER_TOKENS', { request, first, tokens, text, timings })
      },
      async drained() {
        await swarm.drained(peer)
        await new Promise<void>((resolve) => void clock.setTimeout(resolve, RETRY_MS))
      },
      onFailed: () => void answers.stop(requestId),
    })
    const result = await signed.generate(
      { requestId, modelId, prompt, maxTokens, sampling, stopAtEnd, ...kept },
      {
        onEvent(event) {
          if (event.type === 'prefill' && event.path) {
            const most = priceOf(price, { promptTokens: event.total - before, tokens: maxTokens })
            if (most > 0) requirePayable(most, body.priceCap ?? 0, accounts.creditOf(peer))
            accept(peer, request, event.total - before, event.path)
          }
          if (event.type === 'token') outbox.push(event)
          else if (event.type === 'queue') offer(peer, request, price, event.position)
        },
      },
      peer,
    )
    await outbox.end()
    const { finish, promptTokens, prefillMs, msPerToken, computeMs, networkMs, bytesSent, account } = result
    const usage = { promptTokens, tokens: result.tokens.length - before }
    const parts = (result.receipts ?? []).flatMap(({ receipt, server }) => (server ? [{ receipt, server }] : []))
    swarm.send(peer, 'INFER_DONE', {
      request,
      finish,
      usage,
      timings: { prefillMs, msPerToken, computeMs: [...computeMs], networkMs, bytesSent },
      ...(account && { transcript: { hash: account.transcript, receipts: parts } }),
    })
    if (account) await receipts.issue(peer, { ...account, request, usage, price: priceOf(price, usage) })
  }

  function accept(peer: string, request: Uint8Array, promptTokens: number, path: readonly StretchLength[]): void {
    const told = path.map(({ family, tokens }) => ({ family, tokens }))
    const isShort = told.length <= MOST_STRETCHES
    swarm.send(peer, 'INFER_ACCEPT', { request, promptTokens, ...(isShort && { path: told }) })
  }

  function offer(peer: string, request: Uint8Array, price: BodyOf<'INFER_OFFER'>['price'], position: number): void {
    const standing = { tokensPerSecond: answers.tokensPerSecond(), position, validMs: OFFER_VALID_MS }
    try {
      swarm.send(peer, 'INFER_OFFER', { request, price, ...standing })
    } catch {
      // The asker is gone, or reads nothing: what is lost is where it stands.
    }
  }

  return {
    onRequest(peer, body) {
      const mine = running.get(peer) ?? new Set()
      running.set(peer, mine)
      const requestId = `${peer}/${toHex(body.request)}`
      const reject = (error: unknown) => {
        try {
          const message = errorMessage(error).slice(0, 500)
          swarm.send(peer, 'INFER_REJECT', { request: body.request, code: errorCode(error), message })
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

const wireTiming = ({ totalMs, computeMs, networkMs }: StepTiming) => ({
  totalMs,
  computeMs: [...computeMs],
  networkMs,
})
