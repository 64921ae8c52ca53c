// Questions between nodes, both ends: places told to those who wait, a reader that does not read, and askers that leave.

import { describe, expect, test } from 'vitest'
import { CentramError } from '#core/errors.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { Swarm } from '../../../worker/net/swarm.ts'
import { createAnswerServer } from '../../../worker/node/answer-server.ts'
import { createAnswers } from '../../../worker/node/answers.ts'
import type { GenerateEvent, GenerateRequest } from '../../../worker/node/api.ts'
import { createRemoteAnswers } from '../../../worker/node/remote-answers.ts'
import { createTokenOutbox } from '../../../worker/node/token-outbox.ts'
import { createFakeClock } from '../net/fake-clock.ts'
import { createFakeModel, FAKE_MODEL } from './fake-model.ts'

const FINGERPRINT = 'f'.repeat(64)
const ANSWERER = 'answerer'

/** One node that answers, and others that ask it: frames pass as calls, except to who reads nothing. */
async function createAsking(most = 4, terms = { prompt: 0, answer: 0, cap: 0, credit: 0 }) {
  const { active, shard } = await createFakeModel(most)
  const answers = createAnswers(
    active,
    () => undefined,
    () => 0,
  )
  const stalled = new Map<string, (() => void)[]>()
  const frames: { to: string; name: string; body: unknown }[] = []
  const askers = new Map<string, ReturnType<typeof createRemoteAnswers>>()
  /** Of the receipts that the answering node wrote. */
  const prices: number[] = []
  let ids = 0

  const send = ((peer: string, name: string, body: never) => {
    if (stalled.has(peer)) throw new CentramError('NO_CAPACITY', 'Too much waits for this peer.')
    if (!askers.has(peer)) throw new CentramError('PEER_LEFT', 'There is no open link.')
    frames.push({ to: peer, name, body })
    queueMicrotask(() => {
      const asker = askers.get(peer)
      if (name === 'INFER_OFFER') asker?.onOffer(ANSWERER, body)
      else if (name === 'INFER_ACCEPT') asker?.onAccept(ANSWERER, body)
      else if (name === 'INFER_REJECT') asker?.onReject(ANSWERER, body)
      else if (name === 'INFER_TOKENS') asker?.onTokens(ANSWERER, body)
      else if (name === 'INFER_DONE') void asker?.onDone(ANSWERER, body)
    })
  }) as Swarm['send']
  const clock = { ...createFakeClock(), setTimeout: (callback: () => void) => setImmediate(callback) }
  const drained = (peer: string) => {
    const waiting = stalled.get(peer)
    return waiting ? new Promise<void>((resolve) => waiting.push(resolve)) : Promise.resolve()
  }
  const modelOf = (fingerprint: string) => (fingerprint === FINGERPRINT ? FAKE_MODEL : undefined)
  const server = createAnswerServer({
    swarm: { send, drained },
    clock,
    answers,
    // Signatures have a suite of their own: usage-receipts.test.ts.
    signed: answers,
    receipts: { issue: async (_peer, { price }) => void prices.push(price) },
    accounts: { prices: () => ({ ...terms, merge: 0 }), creditOf: () => terms.credit },
    modelOf,
  })

  return {
    answers,
    shard,
    frames,
    prices,
    server,
    node(peer: string) {
      const toServer = ((_: string, name: string, body: never) => {
        if (name === 'INFER_REQUEST') server.onRequest(peer, body)
        if (name === 'INFER_CANCEL') server.onCancel(peer, body)
      }) as Swarm['send']
      const asked = createRemoteAnswers(
        toServer,
        (length) => new Uint8Array(length).fill(++ids),
        { expect: () => undefined, verify: async () => [] },
        () => terms.cap,
      )
      askers.set(peer, asked)
      return {
        asked,
        ask(text: string, maxTokens = 12) {
          const events: GenerateEvent[] = []
          const request: GenerateRequest = { requestId: text, modelId: FAKE_MODEL, prompt: { text }, maxTokens }
          const result = asked.ask(ANSWERER, FINGERPRINT, request, (event) => events.push(event))
          result.catch(() => undefined)
          return { result, events }
        },
        leave() {
          askers.delete(peer)
          server.onPeerLost(peer)
        },
        stall: () => stalled.set(peer, []),
        read() {
          const waiting = stalled.get(peer) ?? []
          stalled.delete(peer)
          for (const resolve of waiting) resolve()
        },
      }
    },
    sent: (peer: string, name: string) => frames.filter((frame) => frame.to === peer && frame.name === name),
  }
}

const settle = async (turns = 40) => {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}
const positionsOf = (events: readonly GenerateEvent[]) =>
  events.flatMap((event) => (event.type === 'queue' ? [event.position] : []))

describe('askers of one node', () => {
  test('each get the answer that the node gives itself', async () => {
    const asking = await createAsking()
    const texts = ['one', 'two two', 'three', 'four']
    const wanted = []
    for (const text of texts) {
      const request = { requestId: `own ${text}`, modelId: FAKE_MODEL, prompt: { text }, maxTokens: 12 }
      wanted.push(await asking.answers.generate(request, { onEvent: () => undefined }))
    }
    const asked = texts.map((text, index) => asking.node(`node ${index}`).ask(text))
    const got = await Promise.all(asked.map(({ result }) => result))
    for (const [index, result] of got.entries()) {
      expect(result.tokens).toEqual(wanted[index]?.tokens)
      expect(result.text).toBe(wanted[index]?.text)
      expect(result.promptTokens).toBe(texts[index]?.length)
      expect(result.finish).toBe('length')
    }
    expect(asking.frames.filter(({ name }) => name === 'INFER_OFFER')).toEqual([])
  })

  test('pay by the token, where a price is set, and know it before', async () => {
    const asking = await createAsking(4, { prompt: 1000, answer: 2000, cap: 30, credit: 30 })
    const { result } = asking.node('ann').ask('four', 12)
    expect((await result).tokens).toHaveLength(12)
    expect(asking.sent('ann', 'INFER_OFFER').map(({ body }) => (body as BodyOf<'INFER_OFFER'>).price)).toEqual([
      { prompt: 1000, answer: 2000 },
    ])
  })

  test.each([
    ['than the asker pays', { prompt: 1000, answer: 2000, cap: 27, credit: 1000 }, /at most 27/],
    ['than the asker may owe', { prompt: 1000, answer: 2000, cap: 1000, credit: 27 }, /lends you 27/],
  ])('get no answer that could cost more %s', async (_what, terms, words) => {
    const asking = await createAsking(4, terms)
    const { result, events } = asking.node('ann').ask('four', 12)
    await expect(result).rejects.toThrow(words)
    expect(events.filter(({ type }) => type === 'token')).toEqual([])
    expect(asking.prices).toEqual([])
    // Nothing stays behind that would keep the next one waiting.
    expect((await asking.node('ben').ask('x', 3).result).tokens).toHaveLength(3)
  })

  test('who must wait hears its place, again whenever it changes, and the speed', async () => {
    const asking = await createAsking(1)
    const [ann, bob, cy] = [asking.node('ann'), asking.node('bob'), asking.node('cy')]
    await ann.ask('first').result
    const asked = [ann.ask('aa'), ann.ask('ab'), bob.ask('b'), cy.ask('c')]
    await Promise.all(asked.map(({ result }) => result))
    expect(asked.map(({ events }) => positionsOf(events))).toEqual([[], [0, 1, 2, 1, 0], [0], [1, 0]])
    const offers = asking.sent('cy', 'INFER_OFFER').map(({ body }) => body as BodyOf<'INFER_OFFER'>)
    expect(offers.map(({ position, price }) => [position, price])).toEqual([
      [1, { prompt: 0, answer: 0 }],
      [0, { prompt: 0, answer: 0 }],
    ])
    // Its turn ends the waiting, before the first token.
    const types = asked[3]?.events.map(({ type }) => type)
    expect(types?.slice(0, 4)).toEqual(['queue', 'queue', 'prefill', 'token'])
  })

  test('are refused more than four questions each, and any of a model that is not there', async () => {
    const asking = await createAsking(1)
    const ann = asking.node('ann')
    const asked = ['1', '2', '3', '4', '5'].map((text) => ann.ask(text))
    await expect(asked[4]?.result).rejects.toMatchObject({ code: 'NO_CAPACITY' })
    await Promise.all(asked.slice(0, 4).map(({ result }) => result))
    const other = asking
      .node('bob')
      .asked.ask(
        ANSWERER,
        'e'.repeat(64),
        { requestId: 'x', modelId: 'x', prompt: { text: 'x' }, maxTokens: 1 },
        () => undefined,
      )
    await expect(other).rejects.toMatchObject({ code: 'MODEL_UNKNOWN' })
  })

  test('who cancels in the queue ends at once, and who leaves makes room', async () => {
    const asking = await createAsking(1)
    const [ann, bob, cy, dee] = [asking.node('ann'), asking.node('bob'), asking.node('cy'), asking.node('dee')]
    const running = ann.ask('running', 200)
    const cancelled = bob.ask('cancelled')
    const left = cy.ask('left')
    const last = dee.ask('last')
    await settle(2)
    bob.asked.stop('cancelled')
    await expect(cancelled.result).resolves.toMatchObject({ finish: 'cancelled', tokens: [] })
    cy.leave()
    await settle(2)
    expect(positionsOf(last.events)).toEqual([2, 1, 0])
    expect(asking.answers.load()).toEqual({ running: 1, waiting: 1 })
    ann.leave()
    await expect(last.result).resolves.toMatchObject({ finish: 'length' })
    expect(running.events.filter(({ type }) => type === 'token').length).toBeLessThan(200)
    expect(left.events.filter(({ type }) => type !== 'queue')).toEqual([])
  })
})

describe('a reader that does not read', () => {
  test('stalls nobody, and gets all it missed in few messages when it reads again', async () => {
    const asking = await createAsking(1)
    const [slow, quick] = [asking.node('slow'), asking.node('quick')]
    const waiting = slow.ask('the slow one', 300)
    await settle(1)
    slow.stall()
    const after = quick.ask('the quick one')
    // The slow reader's place was free for the next as soon as its answer was computed.
    await expect(after.result).resolves.toMatchObject({ finish: 'length' })
    const before = asking.sent('slow', 'INFER_TOKENS').length
    expect(before).toBeLessThan(250)
    slow.read()
    const { tokens, text } = await waiting.result
    expect(tokens).toHaveLength(300)
    expect(asking.sent('slow', 'INFER_TOKENS').length - before).toBeLessThanOrEqual(2)
    const request = { requestId: 'again', modelId: FAKE_MODEL, prompt: { text: 'the slow one' }, maxTokens: 300 }
    const wanted = await asking.answers.generate(request, { onEvent: () => undefined })
    expect({ tokens, text }).toEqual({ tokens: wanted.tokens, text: wanted.text })
  })

  test('costs no more than a bound, and then the answer ends', async () => {
    let stopped = 0
    let open = true
    const batches: number[] = []
    const outbox = createTokenOutbox<number>({
      send(_first, batch) {
        if (!open) throw new CentramError('NO_CAPACITY', 'full')
        batches.push(batch.length)
      },
      drained: () => new Promise(() => undefined),
      onFailed: () => stopped++,
    })
    outbox.push({ token: 1, text: 'a', timing: 1 })
    open = false
    for (let token = 0; token < 10_000; token++) outbox.push({ token, text: 'a', timing: 1 })
    expect(stopped).toBe(1)
    expect(batches).toEqual([1])
    await expect(outbox.end()).rejects.toMatchObject({ code: 'NO_CAPACITY' })
  })

  test('is sent batches that fit their message', async () => {
    let open = false
    let resume = (): void => undefined
    const batches: { first: number; tokens: number; characters: number }[] = []
    const outbox = createTokenOutbox<number>({
      send(first, batch) {
        if (!open) throw new CentramError('NO_CAPACITY', 'full')
        batches.push({ first, tokens: batch.length, characters: batch.map(({ text }) => text).join('').length })
      },
      drained: () => new Promise((resolve) => (resume = resolve)),
      onFailed: () => undefined,
    })
    for (let token = 0; token < 600; token++)
      outbox.push({ token, text: token < 300 ? 'x' : 'y'.repeat(40), timing: 1 })
    open = true
    resume()
    await outbox.end()
    expect(batches.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(600)
    let at = 0
    for (const { first, tokens, characters } of batches) {
      expect(first).toBe(at)
      expect(tokens).toBeLessThanOrEqual(256)
      expect(characters).toBeLessThanOrEqual(4096)
      at += tokens
    }
  })
})
