// One example or more of every message, from which the golden frames are made. The type makes it impossible to leave a
// message out: a new one does not compile without its samples.

import { sha256 } from '#core/crypto/hash.ts'
import type { Identity } from '#core/crypto/identity.ts'
import { prepareMessage, sealFrame } from '#core/protocol/codec.ts'
import { CONTENT_MANIFEST } from '#core/protocol/messages/content.ts'
import { DP_CLAIM, GATE_FAULT, GATE_VERDICT, LINEAGE_CLAIM } from '#core/protocol/messages/gate.ts'
import { EVALUATION, GENOME_WITHDRAWAL } from '#core/protocol/messages/genome.ts'
import { GOSSIP_NEWS } from '#core/protocol/messages/gossip.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import {
  CREDIT_GRANT,
  LEDGER_DISPUTE,
  ROYALTY_STATEMENT,
  ROYALTY_TERMS,
  TRANSFER,
  TRANSFER_ABORT,
} from '#core/protocol/messages/ledger.ts'
import { KEY_REVOCATION, PEER_ADDRESSES } from '#core/protocol/messages/peer.ts'
import { LOG_ENTRY, LOG_HEAD, WITNESSED_HEAD } from '#core/protocol/messages/proof.ts'
import { KEY_ROTATION } from '#core/protocol/messages/session.ts'
import type { BodyOf, MessageName } from '#core/protocol/registry.ts'
import { encodeObject } from '#core/protocol/signed-object.ts'

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
const BASE = fill(32, 0xab)
const GENOME = fill(32, 0x66)
const PARENT = fill(32, 0x67)
const CONTENT = fill(32, 0x77)
const SUBJECT = fill(32, 0x88)
/** The frame's own signature is real; those inside bodies are somebody else's, and no codec looks at them. */
const SIGNED = fill(64, 0x99)
const AT = 1_790_000_000_000

const ADDRESSES = encodeObject(PEER_ADDRESSES, {
  node: KEY,
  name: 'Ada',
  incarnation: PLAN,
  proof: fill(64, 0x88),
  sequence: 3,
  addresses: [
    { kind: 'server', url: 'wss://swarm.example/signal' },
    { kind: 'broker', url: 'wss://broker.example/', id: 'ada-1' },
    { kind: 'node', key: OTHER },
  ],
  at: AT,
  expiresAt: AT + 3_600_000,
})
const RECORD = { record: ADDRESSES, signature: SIGNED }
const RECEIPT = encodeObject(USAGE_RECEIPT, {
  work: 'answer',
  request: REQUEST,
  asker: KEY,
  server: OTHER,
  model: BASE,
  genomes: [GENOME],
  usage: { promptTokens: 12, tokens: 2 },
  price: 5,
  transcript: SUBJECT,
  at: AT,
})
const SUMMARY = {
  genome: GENOME,
  name: 'Ishmael',
  base: BASE,
  baseName: 'Tiny Moby',
  author: KEY,
  content: CONTENT,
  bytes: 262_144,
  generation: 1,
  licence: 'CC0-1.0',
  claims: [
    { domain: 'poems', loss: 2.25, baseLoss: 2.5 },
    { domain: 'letters', loss: 3, baseLoss: null },
  ],
  at: AT,
}
const RECIPE = {
  base: BASE,
  operator: 'dare_ties',
  origin: null,
  parents: [GENOME, PARENT],
  parameters: [
    { name: 'density', value: 0.5 },
    { name: 'normalize', value: true },
    { name: 'weight', value: [0.25, 0.75] },
  ],
  seed: 7,
  rank: 8,
}
const VERDICT = encodeObject(GATE_VERDICT, {
  genome: GENOME,
  judge: OTHER,
  version: 1,
  accepted: false,
  codes: [
    ...Array.from({ length: 7 }, () => ({ outcome: 'passed' as const, code: 'OK' })),
    { outcome: 'refused', code: 'NORM_TOO_LARGE' },
    { outcome: 'not-run', code: 'NOT_RUN' },
    { outcome: 'not-run', code: 'NOT_RUN' },
  ],
  at: AT,
})
const PERIOD = { from: AT, to: AT + 86_400_000 }
const head = (entry: number) =>
  encodeObject(LOG_HEAD, { author: KEY, sequence: 41, entry: fill(32, entry), at: AT })
const ENTRY = encodeObject(LOG_ENTRY, {
  author: KEY,
  sequence: 41,
  previous: SUBJECT,
  kind: 'transfer',
  subject: fill(40, 1),
  at: AT,
})
const HEAD = { head: head(1), signature: SIGNED }
/** Two heads at different places, of which the second one's log has another entry in the place of the first. */
const EARLIER = encodeObject(LOG_HEAD, { author: KEY, sequence: 40, entry: fill(32, 3), at: AT })
const LATER = encodeObject(LOG_HEAD, { author: KEY, sequence: 41, entry: sha256(ENTRY), at: AT })

export const SAMPLES: { readonly [Name in MessageName]: readonly Sample<Name>[] } = {
  SESSION_HELLO: [{ body: { versions: [1], key: KEY, to: OTHER, nonce: NONCE, features: ['resume'] } }],
  SESSION_HELLO_ACK: [{ body: { version: 1, key: OTHER, to: KEY, nonce: NONCE, features: [] } }],
  SESSION_AUTH: [
    { body: { transcript: NONCE, proof: null } },
    { body: { transcript: NONCE, proof: fill(64, 7) } },
  ],
  SESSION_KEY_ROTATE: [
    {
      body: {
        rotation: encodeObject(KEY_ROTATION, { from: KEY, to: OTHER, generation: 1, at: AT }),
        signature: SIGNED,
        successor: fill(64, 0x9a),
      },
    },
  ],
  SESSION_PING: [{ body: { ping: 7 } }],
  SESSION_PONG: [{ body: { ping: 0xffff_ffff } }],
  SESSION_GOODBYE: [
    { body: { reason: 'leaving', resume: null } },
    { body: { reason: 'replaced', resume: LINK } },
  ],
  SESSION_ERROR: [{ body: { code: 'RATE_LIMITED', message: 'Slower, please: “∞” is too fast.', about: 8, fatal: true } }],
  STREAM_OPEN: [
    { body: { stream: LINK, purpose: 'ledger', subject: SUBJECT, priority: 'bulk', length: 2 ** 40 } },
    { body: { stream: LINK, purpose: '', subject: null, priority: 'interactive', length: null } },
  ],
  STREAM_ACCEPT: [{ body: { stream: LINK, credit: 8 * 1024 * 1024 } }],
  STREAM_REJECT: [{ body: { stream: LINK, code: 'NO_CAPACITY', message: 'Too many streams.' } }],
  STREAM_DATA: [
    { body: { stream: LINK, offset: 0 }, tail: Uint8Array.of(1) },
    { body: { stream: LINK, offset: 2 ** 40 }, tail: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9) },
  ],
  STREAM_CREDIT: [{ body: { stream: LINK, offset: 2 ** 40, credit: 2 ** 41 } }],
  STREAM_END: [{ body: { stream: LINK, length: 10, root: SUBJECT } }],
  STREAM_RESET: [{ body: { stream: LINK, code: 'CANCELLED', message: 'No longer needed.' } }],
  STREAM_RESUME: [{ body: { stream: LINK, offset: 2 ** 40, credit: 2 ** 41 } }],
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
  SIGNAL_DESCRIPTION: [{ body: { from: KEY, to: OTHER, link: LINK, type: 'offer', sdp: 'v=0\r\n', offer: 1 } }],
  SIGNAL_CANDIDATE: [
    { body: { from: KEY, to: OTHER, link: LINK, candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', mid: '0', line: 0 } },
    { body: { from: KEY, to: OTHER, link: LINK, candidate: '', mid: null, line: null } },
  ],
  SIGNAL_RELAY: [
    { body: { grant: null } },
    {
      body: {
        grant: {
          urls: ['turn:relay.example:3478?transport=udp'],
          username: '1790000600:node',
          credential: 'c2VjcmV0',
          lifetimeS: 600,
        },
      },
    },
  ],
  SIGNAL_THROTTLED: [{ body: { limit: 'connection', retryMs: 20 } }],
  PEER_RECORD: [{ body: RECORD }],
  PEER_QUERY: [
    { body: { query: 1, model: BASE, genome: null, budgetBytes: 0, limit: 16 } },
    { body: { query: 2, model: null, genome: GENOME, budgetBytes: 4_000_000_000, limit: 1 } },
  ],
  PEER_RESULTS: [{ body: { query: 1, peers: [RECORD] } }, { body: { query: 2, peers: [] } }],
  PEER_EXCHANGE: [{ body: { peers: [RECORD, RECORD] } }],
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
  PEER_LOAD: [{ body: { waiting: 2, running: 1, tokensPerSecond: 31.5, visibility: 'hidden' } }],
  PEER_REACHABILITY: [
    {
      body: {
        links: [
          { node: KEY, path: 'direct', roundTripMs: 12.5 },
          { node: OTHER, path: 'unreachable', roundTripMs: null },
        ],
      },
    },
  ],
  PEER_KEY_REVOKE: [
    {
      body: {
        revocation: encodeObject(KEY_REVOCATION, { key: KEY, by: OTHER, successor: OTHER, why: 'retired', at: AT }),
        signature: SIGNED,
      },
    },
    {
      body: {
        revocation: encodeObject(KEY_REVOCATION, { key: KEY, by: KEY, successor: null, why: 'lost', at: AT }),
        signature: SIGNED,
      },
    },
  ],
  GOSSIP_SUBSCRIBE: [{ body: { topics: ['genomes', 'forks'] } }],
  GOSSIP_UNSUBSCRIBE: [{ body: { topics: ['genomes'] } }],
  GOSSIP_GRAFT: [{ body: { topic: 'genomes' } }],
  GOSSIP_PRUNE: [{ body: { topic: 'genomes', backoffMs: 60_000, peers: [KEY, OTHER] } }],
  GOSSIP_PUBLISH: [
    {
      body: {
        news: encodeObject(GOSSIP_NEWS, {
          author: KEY,
          topic: 'load',
          sequence: 4,
          at: AT,
          type: 29,
          payload: Uint8Array.of(0xa0),
        }),
        signature: SIGNED,
      },
    },
  ],
  GOSSIP_IHAVE: [{ body: { topic: 'genomes', ids: [SUBJECT, CONTENT] } }],
  GOSSIP_IWANT: [{ body: { ids: [SUBJECT] } }],
  GOSSIP_IDONTWANT: [{ body: { ids: [CONTENT] } }],
  CONTENT_MANIFEST_REQUEST: [
    { body: { content: CONTENT, manifest: true } },
    { body: { content: CONTENT, manifest: false } },
  ],
  CONTENT_MANIFEST: [
    {
      body: {
        content: CONTENT,
        manifest: encodeObject(CONTENT_MANIFEST, {
          kind: 'model',
          files: [
            { path: 'config.json', bytes: 600 },
            { path: 'model.safetensors', bytes: 3_369_984 },
          ],
          bytes: 3_370_584,
          chunkBytes: 262_144,
          chunks: 14,
          root: SUBJECT,
        }),
      },
      tail: fill(14 * 32, 0x2b),
    },
  ],
  CONTENT_BITFIELD: [{ body: { content: CONTENT, bits: Uint8Array.of(0xff, 0x1f) } }],
  CONTENT_HAVE: [{ body: { content: CONTENT, chunks: [12] } }],
  CONTENT_REQUEST: [{ body: { content: CONTENT, chunks: [0, 7, 65_535] } }],
  CONTENT_CHUNK: [
    { body: { content: CONTENT, chunk: 12, proof: [SUBJECT, BASE, PARENT, GENOME] }, tail: fill(33, 0x2a) },
    { body: { content: CONTENT, chunk: 0, proof: [] }, tail: fill(1, 0x2a) },
  ],
  CONTENT_CANCEL: [{ body: { content: CONTENT, chunks: [] } }],
  CONTENT_UNAVAILABLE: [{ body: { content: CONTENT, chunks: [7], code: 'STORAGE_UNAVAILABLE' } }],
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
    {
      body: {
        request: REQUEST,
        model: MODEL,
        prompt: { text: '' },
        maxTokens: 1,
        sampling: {},
        stopAtEnd: true,
        priceCap: 20,
      },
    },
    {
      body: {
        request: REQUEST,
        model: MODEL,
        prompt: { text: 'Call me' },
        maxTokens: 32,
        sampling: {},
        stopAtEnd: true,
        continueFrom: { tokens: [73, 115, 104] },
      },
    },
    {
      body: {
        request: REQUEST,
        model: MODEL,
        prompt: { text: 'Call me' },
        maxTokens: 32,
        sampling: {},
        stopAtEnd: true,
        continueFrom: {
          tokens: [73],
          path: [
            { family: 'prefill', tokens: 7 },
            { family: 'decode', tokens: 1 },
          ],
        },
      },
    },
  ],
  INFER_OFFER: [
    {
      body: { request: REQUEST, price: { prompt: 1, answer: 4 }, tokensPerSecond: 31.5, position: 2, validMs: 5000 },
    },
  ],
  INFER_ACCEPT: [
    { body: { request: REQUEST, promptTokens: 12 } },
    { body: { request: REQUEST, promptTokens: 12, path: [{ family: 'prefill', tokens: 12 }] } },
  ],
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
    {
      body: {
        request: REQUEST,
        finish: 'end',
        usage: { promptTokens: 0, tokens: 0 },
        timings: { prefillMs: 0, msPerToken: 0, computeMs: [], networkMs: 0, bytesSent: 0 },
        transcript: { hash: SUBJECT, receipts: [{ receipt: RECEIPT, server: SIGNED }] },
      },
    },
  ],
  INFER_CANCEL: [{ body: { request: REQUEST } }],
  INFER_RECEIPT: [
    { body: { receipt: RECEIPT, server: null, asker: SIGNED } },
    { body: { receipt: RECEIPT, server: SIGNED, asker: fill(64, 0x9a) } },
  ],
  PIPE_PLAN: [
    {
      body: {
        plan: PLAN,
        model: { title: 'Toy', url: '/models/toy.safetensors', fingerprint: MODEL, sizeBytes: 1_700_000, content: CONTENT },
        contextLength: 128,
        profile: 'f32',
        stages: [
          { node: KEY, first: 0, last: 2 },
          { node: OTHER, first: 2, last: 4 },
        ],
        spares: [{ node: KEY, stage: 1 }],
      },
    },
    {
      body: {
        plan: PLAN,
        model: { title: '', url: null, fingerprint: MODEL, sizeBytes: 0, content: null },
        contextLength: 0,
        profile: '',
        stages: [],
        spares: [],
      },
    },
  ],
  PIPE_COMMIT: [{ body: { plan: PLAN, stage: 1, session: 1, contextLength: 128 } }],
  PIPE_LOAD_STATUS: [
    { body: { plan: PLAN, stage: 1, session: null, state: 'loading', progress: 0.5, bytes: 850_000 } },
    {
      body: {
        plan: PLAN,
        stage: 1,
        session: 1,
        state: 'failed',
        progress: 1,
        bytes: 0,
        code: 'GPU_OUT_OF_MEMORY',
        message: 'Close other tabs.',
      },
    },
    {
      body: {
        plan: PLAN,
        stage: 1,
        session: 1,
        state: 'failed',
        progress: 1,
        bytes: 0,
        code: 'PEER_LEFT',
        message: 'No link.',
        unreachable: OTHER,
      },
    },
  ],
  PIPE_ACTIVATION: [
    {
      body: {
        plan: PLAN,
        stage: 1,
        session: 1,
        step: 9,
        position: 20,
        columns: 2,
        family: 'decode',
        output: 'token',
        results: 'each',
        computeMs: [1.5],
      },
      tail: Float32Array.of(1, -2, 3.5, -0, NaN, Infinity),
    },
    {
      body: {
        plan: PLAN,
        stage: 1,
        session: 1,
        step: 9,
        position: 20,
        columns: 1,
        family: 'decode',
        output: 'none',
        results: 'last',
        until: 2,
        computeMs: [],
      },
      tail: Float32Array.of(1),
    },
  ],
  PIPE_LOGITS: [
    { body: { plan: PLAN, session: 1, step: 9, kind: 'token', columns: 1, tokens: [65], computeMs: [1.5, 2] } },
    { body: { plan: PLAN, session: 1, step: 9, kind: 'none', columns: 0, computeMs: [] } },
    {
      body: { plan: PLAN, session: 1, step: 9, kind: 'top', columns: 2, computeMs: [1] },
      tail: new Uint32Array([7, 0x40000000, 3, 0x3f800000]),
    },
    {
      body: { plan: PLAN, session: 1, step: 9, kind: 'logits', columns: 1, computeMs: [1] },
      tail: Float32Array.of(0.5, 0.25, 0.125),
    },
  ],
  PIPE_KV_TRIM: [{ body: { plan: PLAN, session: 1, step: 10, length: 5, release: false } }],
  PIPE_AUDIT: [
    { body: { plan: PLAN, session: 1, step: 9, stage: 1, digest: null } },
    { body: { plan: PLAN, session: 1, step: 9, stage: 1, digest: SUBJECT } },
  ],
  PIPE_FAILOVER: [
    {
      body: {
        plan: PLAN,
        stage: 1,
        lost: KEY,
        node: OTHER,
        first: 2,
        last: 4,
        mode: 'take',
        replay: [{ session: 1, length: 140 }],
        until: 1,
      },
    },
    {
      body: {
        plan: PLAN,
        stage: 1,
        lost: KEY,
        node: OTHER,
        first: 2,
        last: 4,
        mode: 'copy',
        replay: [],
        until: 1,
      },
    },
  ],
  GENOME_ANNOUNCE: [{ body: { genome: SUMMARY } }],
  GENOME_QUERY: [
    { body: { query: 1, base: BASE, domain: 'poems', after: GENOME, limit: 32 } },
    { body: { query: 2, base: BASE, domain: null, after: null, limit: 1 } },
  ],
  GENOME_LIST: [{ body: { query: 1, genomes: [SUMMARY, { ...SUMMARY, claims: [] }], more: true } }],
  GENOME_WITHDRAW: [
    {
      body: {
        withdrawal: encodeObject(GENOME_WITHDRAWAL, { genome: GENOME, author: KEY, why: 'A wrong text.', at: AT }),
        signature: SIGNED,
      },
    },
  ],
  GENOME_MERGE_PROPOSE: [{ body: { proposal: REQUEST, recipe: RECIPE } }],
  GENOME_MERGE_RESULT: [
    { body: { proposal: REQUEST, recipe: RECIPE, merge: BASE, tensors: SUBJECT, genome: SUMMARY } },
    {
      body: {
        proposal: null,
        recipe: { ...RECIPE, origin: PARENT, parameters: [] },
        merge: BASE,
        tensors: SUBJECT,
        genome: SUMMARY,
      },
    },
  ],
  GENOME_EVAL_REQUEST: [{ body: { request: REQUEST, genomes: [GENOME, PARENT], domain: 'poems', probes: 64 } }],
  GENOME_EVAL_REPORT: [
    {
      body: {
        request: REQUEST,
        evaluation: encodeObject(EVALUATION, {
          genome: GENOME,
          base: BASE,
          evaluator: OTHER,
          domain: 'poems',
          probes: 64,
          delta: -0.125,
          low: -0.25,
          high: 0.0625,
          confidence: 0.95,
          at: AT,
        }),
        signature: SIGNED,
      },
    },
  ],
  GATE_DP_STATEMENT: [
    {
      body: {
        claim: encodeObject(DP_CLAIM, {
          genome: GENOME,
          author: KEY,
          dataHash: SUBJECT,
          mechanism: 'poisson-gaussian',
          noiseMultiplier: 1.1,
          sampleRate: 0.01,
          steps: 1000,
          delta: 0.00001,
          clipNorm: 1,
          epsilon: 1.5,
          unit: 'document',
          at: AT,
        }),
        signature: SIGNED,
      },
    },
  ],
  GATE_VERDICT: [
    { body: { query: 3, verdict: VERDICT, signature: SIGNED } },
    { body: { query: null, verdict: VERDICT, signature: SIGNED } },
  ],
  GATE_VERDICT_QUERY: [
    { body: { query: 3, genome: GENOME, judge: null } },
    { body: { query: 4, genome: GENOME, judge: OTHER } },
  ],
  GATE_CHALLENGE: [
    {
      body: {
        fault: encodeObject(GATE_FAULT, {
          verdict: SUBJECT,
          genome: GENOME,
          challenger: KEY,
          layer: 8,
          code: 'NORM_TOO_LARGE',
          evidence: Uint8Array.of(1, 2, 3),
          at: AT,
        }),
        signature: SIGNED,
      },
    },
  ],
  GATE_REPLY: [
    { body: { fault: SUBJECT, outcome: 'stands', message: 'The norm is 41.', verdict: null } },
    { body: { fault: SUBJECT, outcome: 'replaced', message: '', verdict: { verdict: VERDICT, signature: SIGNED } } },
  ],
  GATE_LINEAGE_REQUEST: [{ body: { query: 5, genome: GENOME, after: null, depth: 64 } }],
  GATE_LINEAGE: [{ body: { query: 5, genome: GENOME, ancestors: [fill(30, 5), fill(31, 6)], more: false } }],
  GATE_LINEAGE_DISPUTE: [
    {
      body: {
        claim: encodeObject(LINEAGE_CLAIM, {
          genome: GENOME,
          parent: PARENT,
          claimant: OTHER,
          cosine: 0.999,
          worstCosine: 0.98,
          at: AT,
        }),
        signature: SIGNED,
      },
    },
  ],
  LEDGER_CREDIT_LINE: [
    {
      body: {
        grant: encodeObject(CREDIT_GRANT, {
          creditor: KEY,
          debtor: OTHER,
          limit: 1000,
          version: 2,
          expiresAt: null,
          at: AT,
        }),
        signature: SIGNED,
      },
    },
  ],
  LEDGER_PROPOSE: [
    {
      body: {
        transfer: encodeObject(TRANSFER, {
          id: REQUEST,
          payer: KEY,
          payee: OTHER,
          amount: 5,
          sequence: 17,
          purpose: 'answer',
          reference: SUBJECT,
          at: AT,
          expiresAt: AT + 60_000,
        }),
        payer: SIGNED,
      },
    },
  ],
  LEDGER_COSIGN: [{ body: { transfer: SUBJECT, payee: SIGNED } }],
  LEDGER_ABORT: [
    {
      body: {
        abort: encodeObject(TRANSFER_ABORT, {
          transfer: SUBJECT,
          payer: KEY,
          payee: OTHER,
          code: 'OVER_LIMIT',
          at: AT,
        }),
        payee: SIGNED,
        message: 'The line is used up.',
      },
    },
  ],
  LEDGER_ROYALTY_RULE: [
    {
      body: {
        terms: encodeObject(ROYALTY_TERMS, {
          genome: GENOME,
          author: KEY,
          sharePpm: 200_000,
          decayPpm: 500_000,
          depth: 8,
          at: AT,
        }),
        signature: SIGNED,
      },
    },
  ],
  LEDGER_USAGE: [
    { body: { period: PERIOD, page: 0, receipts: [{ receipt: RECEIPT, server: SIGNED, asker: SIGNED }], more: false } },
  ],
  LEDGER_ROYALTY: [
    {
      body: {
        statement: encodeObject(ROYALTY_STATEMENT, {
          payer: OTHER,
          period: PERIOD,
          receipts: SUBJECT,
          pools: [{ genome: GENOME, terms: null, amount: 5 }],
          total: 5,
          shares: [
            { genome: GENOME, author: KEY, amount: 4 },
            { genome: PARENT, author: null, amount: 1 },
          ],
        }),
        signature: SIGNED,
      },
    },
  ],
  LEDGER_DISPUTE: [
    {
      body: {
        dispute: encodeObject(LEDGER_DISPUTE, {
          claimant: KEY,
          against: OTHER,
          subject: SUBJECT,
          code: 'DOUBLE_SPENT',
          evidence: Uint8Array.of(4, 5),
          message: 'Two transfers have number 17.',
          at: AT,
        }),
        signature: SIGNED,
      },
    },
  ],
  PROOF_HEAD: [{ body: HEAD }],
  PROOF_RANGE_REQUEST: [{ body: { request: 6, author: KEY, from: 40, entries: 128 } }],
  PROOF_RANGE: [{ body: { request: 6, entries: [ENTRY], head: HEAD, more: false } }],
  PROOF_RECON_OPEN: [
    { body: { recon: LINK, set: 'log-heads', author: null, method: 'negentropy', size: 100_000, fingerprint: PLAN } },
    { body: { recon: LINK, set: 'log-entries', author: KEY, method: 'riblt', size: 3, fingerprint: PLAN } },
  ],
  PROOF_RECON_FRAME: [{ body: { recon: LINK, round: 2 }, tail: Uint8Array.of(0x61, 0, 0, 2, 0) }],
  PROOF_RECON_DONE: [
    { body: { recon: LINK, code: null, rounds: 3, sent: 500, missing: 500 } },
    { body: { recon: LINK, code: 'TIMEOUT', rounds: 1, sent: 0, missing: 0 } },
  ],
  PROOF_WITNESS: [
    {
      body: {
        seen: encodeObject(WITNESSED_HEAD, { witness: OTHER, author: KEY, sequence: 41, entry: SUBJECT, at: AT }),
        signature: SIGNED,
      },
    },
  ],
  PROOF_FORK: [
    { body: { first: HEAD, second: { head: head(2), signature: SIGNED } } },
    { body: { first: { head: EARLIER, signature: SIGNED }, second: { head: LATER, signature: SIGNED }, path: [ENTRY] } },
  ],
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
