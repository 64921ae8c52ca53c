// A node that only plays its part, so that the pages can be looked at in states that are hard to bring about. It stands
// behind the pages of test/e2e/ui alone; the product never loads it.

import type {
  GenerateEvent,
  GenerateResult,
  GpuState,
  ModelState,
  NodeApi,
  NodeState,
  PeerState,
  Stage,
} from '../../../worker/node/api.ts'
import { CentramError } from '../../../worker/core/errors.ts'
import { checkIceServer } from '../../../worker/core/ice-servers.ts'
import type { ModelConfig } from '../../../worker/core/formats/model-config.ts'
import { CLOSED_DOOR, createFakeDoor, OPEN_DOOR } from './fake-door.ts'
import { fakeAnswer } from './fake-chat.ts'
import { createFakeLab, LAB_SCENES } from './fake-lab.ts'
import { createFakeLimits, FREE, LIMITS_SCENES } from './fake-limits.ts'
import { createFakeWallet, EMPTY_LEDGER, WALLET_SCENES } from './fake-wallet.ts'

const SELF = '3fa91c07d2be4488'.repeat(4)
const ANNA = 'a4520d11c96e73f0'.repeat(4)
const BEN = '58c7e6019b3d24af'.repeat(4)

const GPU: GpuState = {
  kind: 'ready',
  vendor: 'nvidia',
  architecture: 'ada-lovelace',
  description: 'NVIDIA GeForce RTX 4070 Laptop GPU',
  software: false,
  features: ['shader-f16', 'subgroups', 'timestamp-query'],
  maxBufferBytes: 2_147_483_648,
  budgetBytes: 6_400_000_000,
  bytesPerSecond: 187_000_000_000,
}

const peer = (id: string, name: string, more: Partial<PeerState> = {}): PeerState => ({
  id,
  name,
  link: 'open',
  path: 'direct',
  roundTripMs: 3.4,
  light: false,
  gpu: 'Apple M2',
  budgetBytes: 5_200_000_000,
  bytesPerSecond: 84_000_000_000,
  models: [],
  load: null,
  ...more,
})

const model = (id: string, title: string, sizeBytes: number, more: Partial<ModelState> = {}): ModelState => ({
  id,
  title,
  origin: 'catalogue',
  url: `https://example.org/${id}.gguf`,
  licence: 'Apache-2.0',
  sizeBytes,
  storedBytes: 0,
  status: 'listed',
  progress: 0,
  secondsLeft: null,
  error: null,
  config: null,
  ...more,
})

const TOY_CONFIG: ModelConfig = {
  family: 'gpt2',
  name: 'toy',
  vocabularySize: 256,
  contextLength: 128,
  width: 128,
  layers: 4,
  heads: 4,
  kvHeads: 4,
  headDim: 32,
  ffnWidth: 512,
  normEpsilon: 1e-5,
  tiedHead: true,
}
const SMOL_CONFIG: ModelConfig = {
  family: 'llama',
  name: 'SmolLM2 135M Instruct',
  vocabularySize: 49_152,
  contextLength: 8192,
  width: 576,
  layers: 30,
  heads: 9,
  kvHeads: 3,
  headDim: 64,
  ffnWidth: 1536,
  normEpsilon: 1e-5,
  rope: { base: 100_000, dimensions: 64, layout: 'half' },
  tiedHead: true,
}

const MODELS: readonly ModelState[] = [
  model('toy', 'Built-in toy', 1_686_000, { origin: 'built-in', chat: false, config: TOY_CONFIG }),
  model('smollm2-135m', 'SmolLM2 135M Instruct', 144_811_968, { config: SMOL_CONFIG }),
  model('smollm2-360m', 'SmolLM2 360M Instruct', 386_405_000),
  model('qwen2.5-0.5b', 'Qwen2.5 0.5B Instruct', 675_710_000),
  model('qwen2.5-1.5b', 'Qwen2.5 1.5B Instruct', 1_894_000_000),
  model('qwen2.5-3b', 'Qwen2.5 3B Instruct', 3_285_000_000, { licence: 'Qwen Research' }),
]

const stage = (nodeId: string, first: number, last: number, more: Partial<Stage> = {}): Stage => ({
  nodeId,
  range: { first, last },
  bytes: 40_000_000,
  status: 'ready',
  progress: 1,
  ...more,
})

const alone: NodeState = {
  id: SELF,
  name: 'Kim’s laptop',
  gpu: GPU,
  server: { url: 'ws://localhost:9740/signal', state: 'open' },
  ways: [{ kind: 'server', url: 'ws://localhost:9740/signal', state: 'open', own: true }],
  offeredWays: [],
  nearby: { on: false, nodes: [], pairing: null },
  room: null,
  peers: [],
  links: { stun: false, servers: [], relays: [] },
  models: MODELS,
  placement: null,
  held: [],
  speed: null,
  notices: [],
  runs: [],
  experiments: [],
  genomes: [],
  adapters: [],
  merge: null,
  roomGenomes: [],
  sharedGenomes: [],
  mergesForOthers: false,
  judging: null,
  arrivals: [],
  gateRules: { accept: 'ask', fetchFor: [] },
  limits: FREE,
  sharing: {
    enabled: true,
    bytesPerSecond: null,
    keepBytes: 8e9,
    keptBytes: 0,
    fromPeers: 0,
    fromOrigin: 0,
    given: 0,
    refused: 0,
    models: [],
    peers: [],
  },
  ledger: EMPTY_LEDGER,
  door: CLOSED_DOOR,
  engine: null,
}

const shared: NodeState = {
  ...alone,
  room: { id: '9c1e', invite: 'http://localhost:9740/#room=7sXJq0mZr2pQvN4kUo1tYw' },
  peers: [
    peer(ANNA, 'Anna’s laptop'),
    peer(BEN, 'Ben’s desktop', { roundTripMs: 11.2, gpu: 'AMD Radeon RX 7600', path: 'relayed' }),
  ],
  links: { stun: false, servers: [], relays: ['turn:relay.example.org:3478'] },
  models: MODELS.map((one) =>
    one.id === 'smollm2-360m' ? { ...one, status: 'ready', progress: 1, storedBytes: one.sizeBytes } : one,
  ),
  placement: {
    modelId: 'smollm2-360m',
    layers: 32,
    stages: [stage(SELF, 0, 14), stage(ANNA, 14, 22), stage(BEN, 22, 32)],
  },
  speed: { totalMs: 41.3, computeMs: [14.2, 9.6, 8.1], networkMs: 9.4 },
  limits: { ...FREE, memory: { weights: 240_000_000, caches: 84_000_000, training: 0 } },
  sharing: {
    ...alone.sharing,
    keptBytes: 410_000_000,
    fromPeers: 96_000_000,
    fromOrigin: 62_000_000,
    given: 171_000_000,
    refused: 1,
    models: [{ modelId: 'smollm2-360m', fromPeers: 96_000_000, fromOrigin: 62_000_000, given: 171_000_000 }],
    peers: [
      { id: ANNA, received: 96_000_000, given: 101_000_000 },
      { id: BEN, received: 0, given: 70_000_000 },
    ],
  },
}

const none = (reason: Extract<GpuState, { kind: 'none' }>['reason'], message: string, remedy: string): GpuState => ({
  kind: 'none',
  reason,
  message,
  remedy,
})

/** The built-in model in use here alone, as the Lab needs it. */
const inUse: NodeState = {
  ...alone,
  models: MODELS.map((one) => (one.id === 'toy' ? { ...one, status: 'ready', progress: 1 } : one)),
  placement: { modelId: 'toy', layers: 4, stages: [stage(SELF, 0, 4, { bytes: 2_300_000 })] },
}

export const SCENES: Readonly<Record<string, NodeState>> = {
  door: { ...shared, door: OPEN_DOOR },
  ...Object.fromEntries(
    Object.entries(LIMITS_SCENES).map(([name, limits]) => [name, { ...shared, limits: { ...FREE, ...limits } }]),
  ),
  ...Object.fromEntries(Object.entries(WALLET_SCENES).map(([name, ledger]) => [name, { ...shared, ledger }])),
  ...Object.fromEntries(Object.entries(LAB_SCENES).map(([name, lab]) => [name, { ...inUse, ...lab }])),
  alone,
  shared,
  markdown: shared,
  echo: shared,
  guest: {
    ...shared,
    models: MODELS,
    placement: null,
    speed: null,
    held: [
      {
        ownerId: ANNA,
        title: 'SmolLM2 360M Instruct',
        stages: [
          { nodeId: ANNA, range: { first: 0, last: 18 } },
          { nodeId: SELF, range: { first: 18, last: 32 } },
        ],
        ready: true,
      },
    ],
  },
  downloading: {
    ...alone,
    models: MODELS.map((one) =>
      one.id === 'smollm2-360m'
        ? { ...one, status: 'fetching', progress: 0.42, secondsLeft: 74, storedBytes: 160_000_000 }
        : one.id === 'qwen2.5-0.5b'
          ? {
              ...one,
              status: 'failed',
              error: {
                code: 'SOURCE_CORRUPT',
                message:
                  'qwen2.5-0.5b.gguf does not have the SHA-256 the catalogue names; what was stored is deleted. Get it again.',
              },
            }
          : one,
    ),
  },
  leaving: {
    ...shared,
    placement: {
      modelId: 'smollm2-360m',
      layers: 32,
      stages: [
        stage(SELF, 0, 14),
        stage(ANNA, 14, 22, { status: 'lost' }),
        stage(BEN, 22, 32, { status: 'loading', progress: 0.4 }),
      ],
    },
    peers: [peer(ANNA, 'Anna’s laptop', { link: 'interrupted' }), peer(BEN, 'Ben’s desktop')],
    notices: [
      {
        id: '1',
        level: 'error',
        code: 'PEER_LEFT',
        message: 'Anna’s laptop left; it held layers 15–22 of SmolLM2 360M Instruct.',
      },
    ],
  },
  light: {
    ...alone,
    gpu: none(
      'no-adapter',
      'The browser offers WebGPU but found no GPU it may use.',
      'Turn on graphics acceleration in the browser’s settings and restart it, or update the graphics driver.',
    ),
    room: shared.room,
    peers: [
      peer(ANNA, 'Anna’s laptop', {
        models: [{ id: 'smollm2-360m', title: 'SmolLM2 360M Instruct' }],
        load: { waiting: 2, running: 1, tokensPerSecond: 7.8, visibility: 'hidden' },
      }),
    ],
    server: { url: 'ws://localhost:9740/signal', state: 'open' },
  },
  lost: {
    ...shared,
    gpu: none(
      'device-lost',
      'The GPU was taken away (driver reset).',
      'Load the model again; restart the browser if it stays.',
    ),
    placement: null,
  },
  asked: {
    ...alone,
    nearby: {
      on: true,
      nodes: [],
      pairing: {
        id: ANNA,
        name: 'Anna’s laptop',
        gives: false,
        stage: 'asked',
        known: false,
        code: null,
        triesLeft: 3,
      },
    },
  },
  reading: {
    ...alone,
    nearby: {
      on: true,
      nodes: [{ id: ANNA, name: 'Anna’s laptop', known: true }],
      pairing: {
        id: ANNA,
        name: 'Anna’s laptop',
        gives: false,
        stage: 'code',
        known: true,
        code: '482913',
        triesLeft: 3,
      },
    },
  },
  typing: {
    ...shared,
    nearby: {
      on: true,
      nodes: [
        { id: BEN, name: 'Ben’s phone', known: true },
        { id: 'b'.repeat(64), name: 'A rather long name of a tablet in the kitchen', known: false },
      ],
      pairing: { id: BEN, name: 'Ben’s phone', gives: true, stage: 'code', known: true, code: null, triesLeft: 2 },
    },
  },
  insecure: {
    ...alone,
    gpu: none(
      'insecure-context',
      'This address is not secure (no HTTPS), so the browser gives the page no GPU and no storage.',
      'Open it as http://localhost on the machine that serves it, or serve it over HTTPS.',
    ),
    server: { url: 'ws://localhost:9740/signal', state: 'closed', reason: 'no answer' },
  },
}

export function createFakeNode(scene: string): NodeApi {
  let state = SCENES[scene] ?? alone
  let stopped = false
  const fail = scene === 'leaving'
  const listeners: ((state: NodeState) => void)[] = []
  const update = (change: Partial<NodeState>) => {
    state = { ...state, ...change }
    for (const listener of listeners) listener(state)
  }
  return {
    ...createFakeLab(() => state, update),
    ...createFakeDoor(() => state, update),
    ...createFakeLimits(() => state, update),
    ...createFakeWallet(() => state, update),
    watch: async (listener) => {
      listeners.push(listener)
      listener(state)
    },
    rename: async () => {},
    changeKey: async () => {},
    addModel: async () => {
      throw new CentramError(
        'FORMAT_TRUNCATED',
        'tiny.gguf: tensor blk.3.ffn_up.weight needs bytes 18,432 to 36,864, but the file ends at 20,000. It was cut off; copy it again.',
      )
    },
    estimateModel: async (id) => {
      const size = state.models.find((one) => one.id === id)?.sizeBytes ?? 0
      return {
        fetchBytes: size,
        storeBytes: size,
        gpuBytes: Math.round(size * 1.3),
        freeStorageBytes: 11_200_000_000,
        engines: ['wllama', 'onnx', 'webllm'],
      }
    },
    async loadModel(id) {
      update({
        models: state.models.map((one) => (one.id === id ? { ...one, status: 'ready', progress: 1 } : one)),
        placement: state.placement ?? { modelId: id, layers: 4, stages: [stage(SELF, 0, 4, { bytes: 2_300_000 })] },
      })
    },
    loadWithEngine: async () => {},
    cancelLoad: async () => {},
    unloadModel: async () => {},
    removeModel: async () => {},
    share: async () => 'http://localhost:9740/#room=7sXJq0mZr2pQvN4kUo1tYw',
    join: async () => {
      throw new CentramError('BAD_ARGUMENT', 'This is not an invite link. It begins with http and has #room= in it.')
    },
    leave: async () => {},
    async setNearby(on) {
      update({ nearby: { ...state.nearby, on } })
    },
    pair: async () => {},
    acceptPairing: async () => {},
    async givePairingCode(code) {
      if (code !== '482913')
        throw new CentramError(
          'BAD_ARGUMENT',
          'That is not the code that the other device shows. Look at it once more.',
        )
    },
    async cancelPairing() {
      update({ nearby: { ...state.nearby, pairing: null } })
    },
    async setWays(ways) {
      update({
        ways: [
          ...state.ways.filter(({ own }) => own),
          ...ways.map((way) => ({ ...way, state: 'open' as const, own: false })),
        ],
      })
    },
    setVisible: async () => {},
    measureLink: async () => ({ bytesPerSecond: 6_750_000, connections: 4 }),
    setSharing: async (settings) => update({ sharing: { ...state.sharing, ...settings } }),
    async setLinks(settings) {
      for (const server of settings.servers) checkIceServer(server)
      update({ links: { ...state.links, ...settings } })
    },
    async generate(request, listener): Promise<GenerateResult> {
      stopped = false
      const timing = state.speed ?? { totalMs: 30, computeMs: [30], networkMs: 0 }
      const words = fakeAnswer(scene, request)
      let text = ''
      for (const [index, word] of words.entries()) {
        await new Promise((resolve) => setTimeout(resolve, 12))
        if (fail && index === 24)
          throw new CentramError('PEER_LEFT', 'Anna’s laptop left in the middle of this answer; it held layers 15–22.')
        if (stopped) break
        text += word
        const event: GenerateEvent = { type: 'token', token: index, text: word, timing }
        listener(event)
      }
      return {
        text,
        tokens: words.map((_, index) => index),
        promptTokens: 12,
        finish: stopped ? 'cancelled' : 'end',
        prefillMs: 120,
        msPerToken: timing.totalMs,
        computeMs: timing.computeMs,
        networkMs: timing.networkMs,
        bytesSent: 0,
        stages: state.placement?.stages ?? [],
        ...(state.gpu.kind === 'none' && { answeredBy: ANNA }),
        logitsDigests: [],
      }
    },
    traffic: async () => [],
    stop: async () => {
      stopped = true
    },
  }
}
