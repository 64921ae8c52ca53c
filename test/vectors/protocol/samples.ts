// One example or more of every message, from which the golden frames are made. The type makes it impossible to leave a
// message out: a new one does not compile without its samples.

import type { Identity } from '#core/crypto/identity.ts'
import { prepareMessage, sealFrame } from '#core/protocol/codec.ts'
import type { BodyOf, MessageName } from '#core/protocol/registry.ts'

export interface Sample<Name extends MessageName> {
  readonly body: BodyOf<Name>
  readonly tail?: ArrayBufferView
}

const fill = (length: number, byte: number) => new Uint8Array(length).fill(byte)
const KEY = fill(32, 0x11)
const OTHER = fill(32, 0x22)
const NONCE = Uint8Array.from({ length: 32 }, (_, i) => i)
const REQUEST = fill(16, 0x33)
const PLAN = fill(16, 0x44)
const LINK = fill(16, 0x55)
const MODEL = 'ab'.repeat(32)

export const SAMPLES: { readonly [Name in MessageName]: readonly Sample<Name>[] } = {
  SESSION_HELLO: [{ body: { versions: [1], key: KEY, to: OTHER, nonce: NONCE, features: ['resume'] } }],
  SESSION_HELLO_ACK: [{ body: { version: 1, key: OTHER, to: KEY, nonce: NONCE, features: [] } }],
  SESSION_AUTH: [
    { body: { transcript: NONCE, proof: null } },
    { body: { transcript: NONCE, proof: fill(64, 7) } },
  ],
  SESSION_PING: [{ body: { ping: 7 } }],
  SESSION_PONG: [{ body: { ping: 0xffff_ffff } }],
  SESSION_GOODBYE: [
    { body: { reason: 'leaving', resume: null } },
    { body: { reason: 'replaced', resume: LINK } },
  ],
  SESSION_ERROR: [{ body: { code: 'RATE_LIMITED', message: 'Slower, please: “∞” is too fast.', about: 8, fatal: true } }],
  SIGNAL_REGISTER: [
    { body: { version: 1, key: KEY, server: OTHER, challenge: NONCE, nonce: fill(32, 9), incarnation: LINK } },
  ],
  SIGNAL_CHALLENGE: [{ body: { versions: [1, 2], key: OTHER, nonce: NONCE } }],
  SIGNAL_ROOM_JOIN: [
    { body: { name: 'Ada', room: { id: LINK, key: KEY, proof: fill(64, 8) } } },
    { body: { name: '', room: null } },
  ],
  SIGNAL_ROOM_STATE: [
    { body: { room: LINK, members: [{ key: KEY, name: 'Zoë 🦊', incarnation: PLAN }] } },
    { body: { room: LINK, members: [] } },
  ],
  SIGNAL_DESCRIPTION: [{ body: { from: KEY, to: OTHER, link: LINK, type: 'offer', sdp: 'v=0\r\n' } }],
  SIGNAL_CANDIDATE: [
    { body: { from: KEY, to: OTHER, link: LINK, candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', mid: '0', line: 0 } },
    { body: { from: KEY, to: OTHER, link: LINK, candidate: '', mid: null, line: null } },
  ],
  SIGNAL_THROTTLED: [{ body: { limit: 'connection', retryMs: 20 } }],
  PEER_CAPABILITIES: [
    {
      body: {
        name: 'Ada',
        light: false,
        gpu: 'a GPU',
        budgetBytes: 4_000_000_000,
        bytesPerSecond: 1.5e9,
        models: [{ id: 'toy', title: 'Toy', fingerprint: MODEL }],
      },
    },
    { body: { name: '', light: true, gpu: '', budgetBytes: 0, bytesPerSecond: 0, models: [] } },
  ],
  INFER_REQUEST: [
    {
      body: {
        request: REQUEST,
        model: MODEL,
        prompt: { text: 'Call me' },
        maxTokens: 32,
        sampling: {},
        stopAtEnd: true,
      },
    },
    {
      body: {
        request: REQUEST,
        model: MODEL,
        prompt: { messages: [{ role: 'user', content: 'Hi' }] },
        maxTokens: 1,
        sampling: { temperature: 0.7, topK: 40, topP: 0.95, minP: 0.05, repetitionPenalty: 1.1, seed: 1 },
        stopAtEnd: false,
      },
    },
  ],
  INFER_ACCEPT: [{ body: { request: REQUEST, promptTokens: 12 } }],
  INFER_REJECT: [{ body: { request: REQUEST, code: 'MODEL_UNKNOWN', message: 'Not here.' } }],
  INFER_TOKENS: [
    {
      body: {
        request: REQUEST,
        first: 3,
        tokens: [72, 101],
        text: 'He',
        timings: [
          { totalMs: 5.5, computeMs: [2.25, 2], networkMs: 1.25 },
          { totalMs: 5, computeMs: [2, 2], networkMs: 1 },
        ],
      },
    },
  ],
  INFER_DONE: [
    {
      body: {
        request: REQUEST,
        finish: 'length',
        usage: { promptTokens: 12, tokens: 2 },
        timings: { prefillMs: 30.5, msPerToken: 5.25, computeMs: [2, 2], networkMs: 1.25, bytesSent: 4096 },
      },
    },
  ],
  INFER_CANCEL: [{ body: { request: REQUEST } }],
  PIPE_PLAN: [
    {
      body: {
        plan: PLAN,
        model: { title: 'Toy', url: '/models/toy.safetensors', fingerprint: MODEL, sizeBytes: 1_700_000 },
        contextLength: 128,
        profile: 'f32',
        stages: [
          { node: KEY, first: 0, last: 2 },
          { node: OTHER, first: 2, last: 4 },
        ],
      },
    },
    {
      body: {
        plan: PLAN,
        model: { title: '', url: null, fingerprint: MODEL, sizeBytes: 0 },
        contextLength: 0,
        profile: '',
        stages: [],
      },
    },
  ],
  PIPE_COMMIT: [{ body: { plan: PLAN, session: 1, contextLength: 128 } }],
  PIPE_LOAD_STATUS: [
    { body: { plan: PLAN, session: null, state: 'loading', progress: 0.5, bytes: 850_000 } },
    {
      body: {
        plan: PLAN,
        session: 1,
        state: 'failed',
        progress: 1,
        bytes: 0,
        code: 'GPU_OUT_OF_MEMORY',
        message: 'Close other tabs.',
      },
    },
  ],
  PIPE_ACTIVATION: [
    {
      body: {
        plan: PLAN,
        session: 1,
        step: 9,
        position: 20,
        columns: 2,
        family: 'decode',
        output: 'token',
        computeMs: [1.5],
      },
      tail: Float32Array.of(1, -2, 3.5, -0, NaN, Infinity),
    },
  ],
  PIPE_LOGITS: [
    { body: { plan: PLAN, session: 1, step: 9, kind: 'token', token: 65, computeMs: [1.5, 2] } },
    { body: { plan: PLAN, session: 1, step: 9, kind: 'none', computeMs: [] } },
    {
      body: { plan: PLAN, session: 1, step: 9, kind: 'top', computeMs: [1] },
      tail: new Uint32Array([7, 3, 0x40000000, 0x3f800000]),
    },
    { body: { plan: PLAN, session: 1, step: 9, kind: 'logits', computeMs: [1] }, tail: Float32Array.of(0.5, 0.25, 0.125) },
  ],
  PIPE_KV_TRIM: [{ body: { plan: PLAN, session: 1, step: 10, length: 5, release: false } }],
}

/** Secret of the key that signs every golden frame. RFC 8032 signatures are deterministic: the bytes never change. */
export const SEED = fill(32, 0x5a)
export const SESSION = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i)
export const SEQUENCE = 2 ** 33 + 5

export function sealSample<Name extends MessageName>(
  name: Name,
  sample: Sample<Name>,
  signer: Identity,
): Promise<Uint8Array<ArrayBuffer>> {
  return sealFrame(prepareMessage(name, sample.body, sample.tail), signer, SESSION, SEQUENCE)
}
