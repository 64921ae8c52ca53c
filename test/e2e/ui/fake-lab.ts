// The fake node's side of training, genomes and merging: it computes nothing, but what is asked of it shows in the state.

import { CentramError } from '../../../worker/core/errors.ts'
import { parameterCount, targetsOf } from '../../../worker/core/genome/lora-config.ts'
import { bindParameters } from '../../../worker/core/merge/parameters.ts'
import { findAdapterOperator } from '../../../worker/core/merge/registry.ts'
import type { NodeState } from '../../../worker/node/api.ts'
import type { ArrivalState, LayerState } from '../../../worker/node/gate-api.ts'
import type { GenomeState, LabApi, LabState, LossPoint, RoomGenome, RunState } from '../../../worker/node/lab-api.ts'
import { createFakeExperiments, FAKE_EXPERIMENTS } from './fake-experiments.ts'

const DAY = Date.UTC(2026, 10, 23, 9, 30)
const AUTHOR = '3fa91c07d2be4488'.repeat(4)
const TOY = '7d1f'.repeat(16)
const SMOL = 'c04e'.repeat(16)

const points = (steps: number, from: number, to: number, every: number, noise: number): LossPoint[] =>
  Array.from({ length: Math.floor(steps / every) + 1 }, (_, index) => {
    const step = Math.max(1, index * every)
    const fall = Math.exp(-step / (steps * 0.35))
    return { step, loss: to + (from - to) * fall + noise * Math.sin(step * 12.9898) * Math.cos(step * 4.1) }
  })

const run = (id: string, name: string, more: Partial<RunState> = {}): RunState => ({
  id,
  name,
  modelId: 'smollm2-135m',
  modelTitle: 'SmolLM2 135M Instruct',
  createdAt: DAY,
  status: 'running',
  step: 64,
  steps: 200,
  secondsLeft: 512,
  tokensPerSecond: 486,
  gpuBytes: 611_000_000,
  losses: points(64, 3.42, 2.31, 1, 0.09),
  heldOutLosses: points(64, 3.38, 2.52, 16, 0).map((point, index) => (index === 0 ? { ...point, step: 0 } : point)),
  privacy: null,
  genomeId: null,
  error: null,
  ...more,
})

const genome = (digits: string, name: string, more: Partial<GenomeState> = {}): GenomeState => ({
  id: digits.repeat(16),
  name,
  createdAt: DAY,
  author: AUTHOR,
  baseHash: TOY,
  baseName: 'Built-in toy',
  modelId: 'toy',
  targets: targetsOf('gpt2'),
  rank: 8,
  alpha: 16,
  bytes: 262_900,
  operator: 'train',
  parents: [],
  training: {
    steps: 200,
    tokens: 204_800,
    sequenceLength: 128,
    batchSize: 8,
    learningRate: 2e-3,
    finalLoss: 1.42,
    heldOutLossBefore: 2.131,
    heldOutLoss: 1.644,
  },
  fitness: { held_out: 1.644 },
  privacy: null,
  licence: 'CC-BY-4.0',
  ...more,
})

const POEMS = genome('a1f0', 'Sea poems')
const RECIPES = genome('b25c', 'Grandmother’s recipes', {
  createdAt: DAY - 86_400_000,
  privacy: { epsilon: 3.82, delta: 1e-5 },
  licence: 'LicenseRef-all-rights-reserved',
})
const LETTERS = genome('c9e3', 'Letters', {
  operator: 'import',
  training: null,
  rank: 4,
  alpha: 8,
  bytes: 131_700,
  fitness: {},
})
const BOTH = genome('d477', 'Sea poems + Grandmother’s recipes', {
  operator: 'lora_svd',
  training: null,
  parents: [POEMS.id, RECIPES.id],
  createdAt: DAY + 3_600_000,
})
const NARROW = genome('e81b', 'Only the attention', { targets: ['attn_qkv', 'attn_output'], bytes: 98_500 })
const DIARY = genome('f00d', 'Ship’s diary', {
  baseHash: SMOL,
  baseName: 'SmolLM2 135M Instruct',
  modelId: 'smollm2-135m',
  targets: targetsOf('llama'),
  bytes: 9_780_000,
})

const SONGS: RoomGenome = {
  id: 'c0de'.repeat(16),
  name: 'Sea songs',
  baseHash: SMOL,
  baseName: 'SmolLM2 135M Instruct',
  author: 'a7'.repeat(32),
  authorName: 'Anna’s laptop',
  bytes: 9_780_000,
  generation: 0,
  licence: 'CC-BY-4.0',
  claims: [{ domain: 'own text', loss: 2.31, baseLoss: 3.02 }],
  announcedAt: DAY + 4000,
  holders: 2,
  here: false,
  fetching: false,
  modelId: 'smollm2-135m',
  evaluations: [
    {
      evaluator: 'b3'.repeat(32),
      evaluatorName: 'Ben’s desktop',
      domain: 'letters',
      probes: 64,
      delta: -0.184,
      low: -0.241,
      high: -0.129,
      at: DAY + 5000,
    },
  ],
}

const layer = (
  name: string,
  outcome: LayerState['outcome'],
  code: string,
  message: string,
  ms: number,
): LayerState => ({
  layer: name,
  outcome,
  code,
  message,
  ms,
})

const TEN: readonly LayerState[] = [
  layer('admission', 'passed', 'PASSED', 'Its size, its kind and its sender are as they should be.', 0.2),
  layer('identity', 'passed', 'PASSED', 'Its author signed it, with a key that counts.', 3.1),
  layer('freshness', 'passed', 'PASSED', 'It is new here, and its author says one thing of it only.', 0.4),
  layer('integrity', 'passed', 'PASSED', 'What came is what was announced, byte for byte.', 41),
  layer('format', 'passed', 'PASSED', 'Every tensor is one that the model has, of its shape, with finite values.', 88),
  layer(
    'lineage',
    'passed',
    'PASSED',
    'All its parents are known, and it is a copy of none that it does not name.',
    152,
  ),
  layer('privacy', 'not-run', 'NO_CLAIM', 'It claims nothing of private training.', 0.1),
  layer('statistics', 'passed', 'PASSED', 'It lies among the others for this model.', 210),
  layer('behaviour', 'not-run', 'NO_PROBES', 'This node has no prompts to put to the merged model.', 0),
  layer('fitness', 'not-run', 'NO_PROBES', 'This node has too little text of the domain that the genome is for.', 0),
]

const SHANTIES: ArrivalState = {
  id: '5ea5'.repeat(16),
  kind: 'fetched',
  name: 'Shanties',
  author: 'b3'.repeat(32),
  authorName: 'Ben’s desktop',
  baseHash: SMOL,
  baseName: 'SmolLM2 135M Instruct',
  bytes: 9_780_000,
  at: DAY + 6000,
  judging: false,
  hasFiles: true,
  use: 'held',
  decidedBy: null,
  warnings: [],
  judgement: { accepted: true, at: DAY + 7000, layers: TEN },
  others: [
    {
      judge: 'a7'.repeat(32),
      judgeName: 'Anna’s laptop',
      accepted: true,
      refusedBy: null,
      code: '',
      passed: 9,
      at: DAY + 6500,
      differsAt: 'fitness',
      challenges: [],
    },
    {
      judge: 'c1'.repeat(32),
      judgeName: 'Cleo’s phone',
      accepted: false,
      refusedBy: 'format',
      code: 'NOT_FINITE',
      passed: 4,
      at: DAY + 6400,
      differsAt: 'format',
      challenges: [{ challengerName: null, layer: 'format', code: 'NOT_FINITE', reply: 'replaced' }],
    },
  ],
  disputes: [],
}

const COPIED: ArrivalState = {
  ...SHANTIES,
  id: 'bad0'.repeat(16),
  name: 'Verses of the open sea, all my own',
  author: 'e0'.repeat(32),
  authorName: 'Mallory',
  at: DAY + 5000,
  judgement: {
    accepted: false,
    at: DAY + 5100,
    layers: TEN.map((each, i) =>
      i === 5
        ? layer('lineage', 'refused', 'NEAR_COPY', 'It is a copy of a genome that it does not name as a parent.', 148)
        : i > 5
          ? layer(each.layer, 'not-run', 'NOT_REACHED', 'Refused before, by lineage.', 0)
          : each,
    ),
  },
  others: [],
  disputes: [{ parent: POEMS.id, claimant: SMOL, claimantName: null, cosine: 0.9987, confirmed: true }],
}

const WORSE: ArrivalState = {
  ...SHANTIES,
  id: 'd00d'.repeat(16),
  kind: 'merged',
  name: 'Sea poems + Shanties',
  authorName: null,
  at: DAY + 8000,
  warnings: [
    'Taken out of use: the model is worse with it than before on this node’s text (+0.118 nats a token, 95 %: +0.092 to +0.143).',
  ],
  judgement: null,
  others: [],
}

const NOTHING: LabState = {
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
}

export const LAB_SCENES: Readonly<Record<string, LabState>> = {
  lab: {
    ...NOTHING,
    runs: [run('r1', 'Ship’s diary, second volume')],
    experiments: FAKE_EXPERIMENTS,
    genomes: [BOTH, POEMS, RECIPES, LETTERS, NARROW, DIARY],
    adapters: [
      { genomeId: POEMS.id, weight: 1 },
      { genomeId: RECIPES.id, weight: 0.5 },
    ],
    roomGenomes: [SONGS, { ...SONGS, id: POEMS.id, name: POEMS.name, authorName: null, here: true, evaluations: [] }],
    sharedGenomes: [POEMS.id],
    arrivals: [SHANTIES, COPIED, WORSE],
    judging: { domain: 'letters', bytes: 48_200 },
  },
  runs: {
    ...NOTHING,
    runs: [
      run('r1', 'Sea poems', {
        status: 'preparing',
        step: 0,
        losses: [],
        heldOutLosses: [],
        tokensPerSecond: null,
        gpuBytes: 0,
        secondsLeft: null,
        createdAt: DAY + 4,
      }),
      run('r2', 'Patients’ letters', {
        status: 'running',
        createdAt: DAY + 3,
        privacy: { epsilon: 1.374, delta: 1e-5, budget: 8 },
      }),
      run('r3', 'Ship’s diary', {
        status: 'paused',
        gpuBytes: 0,
        tokensPerSecond: null,
        secondsLeft: null,
        createdAt: DAY + 2,
      }),
      run('r4', 'A text of a name so long that it does not fit a line of a telephone by any means', {
        status: 'failed',
        createdAt: DAY + 1,
        gpuBytes: 0,
        error: {
          code: 'GPU_OUT_OF_MEMORY',
          message:
            'The GPU has no 1.2 GB left for this run at step 64. Close other tabs that use it, or choose shorter sequences; then try again.',
        },
      }),
      run('r5', 'Sea poems, first try', {
        status: 'finished',
        step: 200,
        gpuBytes: 0,
        losses: points(200, 3.4, 2.0, 2, 0.08),
        heldOutLosses: points(200, 3.38, 2.21, 40, 0),
        genomeId: POEMS.id,
      }),
    ],
    genomes: [POEMS],
  },
  merging: {
    ...NOTHING,
    genomes: [POEMS, RECIPES],
    merge: { name: 'Sea poems + Grandmother’s recipes', operator: 'dare_ties', progress: 0.43 },
  },
}

export function createFakeLab(get: () => NodeState, update: (change: Partial<NodeState>) => void): LabApi {
  const setRun = (id: string, change: Partial<RunState>) =>
    update({ runs: get().runs.map((one) => (one.id === id ? { ...one, ...change } : one)) })
  const find = (id: string) => {
    const found = get().genomes.find((one) => one.id === id)
    if (!found) throw new CentramError('BAD_ARGUMENT', `There is no genome ${id}.`)
    return found
  }
  const decide = (id: string, use: 'held' | 'allowed') =>
    update({ arrivals: get().arrivals.map((one) => (one.id === id ? { ...one, use, decidedBy: 'person' } : one)) })
  let made = 0
  return {
    ...createFakeExperiments(get, update),
    async previewTraining({ modelId, files, names, lora, steps, privacy }) {
      const bad = names.findIndex((name) => name.endsWith('.jsonl'))
      if (bad >= 0) {
        throw new CentramError(
          'FORMAT_INVALID',
          `${names[bad]}, line 3: it has neither "messages" (a list) nor "text" (a string).`,
        )
      }
      const bytes = files.reduce((sum, file) => sum + file.size, 0)
      const config = get().models.find((model) => model.id === modelId)?.config
      const parameters = config ? parameterCount(config, lora) : 0
      return {
        documents: files.length,
        trainTokens: Math.round(bytes * 0.9),
        heldOutTokens: Math.round(bytes * 0.1),
        sequences: Math.max(1, Math.ceil(bytes / 128)),
        trainableParameters: parameters,
        genomeBytes: parameters * 4 + 700,
        privacy: privacy
          ? { sampleRate: 0.08, affordableSteps: Math.min(steps, Math.floor(privacy.budget * 16)) }
          : null,
      }
    },
    async startTraining({ name, modelId, steps }) {
      const id = `new${++made}`
      const modelTitle = get().models.find((model) => model.id === modelId)?.title ?? ''
      const started = run(id, name, { modelId, modelTitle, steps, createdAt: DAY + 1000 + made })
      update({ runs: [...get().runs, started] })
      return id
    },
    pauseTraining: async (id) => setRun(id, { status: 'paused', secondsLeft: null }),
    resumeTraining: async (id) => setRun(id, { status: 'running', error: null, secondsLeft: 300 }),
    async endTraining(id, keep) {
      const of = get().runs.find((one) => one.id === id)
      if (!keep) setRun(id, { status: 'finished' })
      if (!keep || !of) return null
      const learnt = genome(`9${made++}ab`, of.name, { createdAt: DAY + 5000 })
      setRun(id, { status: 'finished', genomeId: learnt.id })
      update({ genomes: [...get().genomes, learnt] })
      return learnt.id
    },
    removeRun: async (id) => update({ runs: get().runs.filter((one) => one.id !== id) }),
    setAdapters: async (_modelId, adapters) => update({ adapters }),
    async importGenome(modelId, _files, names) {
      if (!names.some((name) => name.endsWith('.zip')) && names.length < 2) {
        throw new CentramError(
          'FORMAT_INVALID',
          `${names[0]} alone is no adapter: adapter_config.json and adapter_model.safetensors belong together.`,
        )
      }
      const taken = genome(`8${made++}cd`, names[0] ?? 'adapter', { operator: 'import', modelId, training: null })
      update({ genomes: [...get().genomes, taken] })
      return taken.id
    },
    exportGenome: async (id) => ({ name: `${find(id).name}.zip`, bytes: new TextEncoder().encode('PK of a fake') }),
    removeGenome: async (id) => update({ genomes: get().genomes.filter((one) => one.id !== id) }),
    async previewMerge({ operator: name, parents, base, parameters, rank }) {
      const operator = findAdapterOperator(name)
      const values = bindParameters(operator, parameters, parents.length)
      const ranks = [...(base ? [base] : []), ...parents].map((id) => find(id).rank)
      const merged = operator.rankOf([ranks], rank, values)
      return {
        mergeId: '5e0c'.repeat(16),
        rank: merged,
        modules: 16,
        genomeBytes: merged * 32_800,
        random: operator.random,
      }
    },
    async mergeGenomes({ name, operator, parents, licence }) {
      const merged = genome(`7${made++}ef`, name, { operator, parents, licence, training: null, createdAt: DAY + 9000 })
      update({ genomes: [...get().genomes, merged] })
      return merged.id
    },
    async shareGenome(id, shared) {
      const others = get().sharedGenomes.filter((one) => one !== id)
      update({ sharedGenomes: shared ? [...others, id] : others })
    },
    findGenomes: async () => {},
    async fetchGenome(id) {
      const found = get().roomGenomes.find((one) => one.id === id)
      const { name, author, baseName, modelId } = found ?? SONGS
      update({
        genomes: [...get().genomes, genome(id.slice(0, 4), name, { author, baseName, modelId, createdAt: DAY + 9500 })],
        roomGenomes: get().roomGenomes.map((one) => (one.id === id ? { ...one, here: true } : one)),
      })
      return id
    },
    async proposeMerge() {
      throw new CentramError('PEER_REFUSED', 'The node did not carry out the merge.')
    },
    setMergesForOthers: async (mergesForOthers) => update({ mergesForOthers }),
    setJudgingText: async (domain, files) =>
      update({ judging: files.length > 0 ? { domain, bytes: files.reduce((sum, { size }) => sum + size, 0) } : null }),
    requestEvaluation: async () => {},
    allowGenome: async (id) => decide(id, 'allowed'),
    holdGenome: async (id) => decide(id, 'held'),
    judgeGenome: async () => {},
    askForVerdicts: async () => {},
    disputeVerdict: async () => {},
    setGateRules: async (gateRules) => update({ gateRules }),
  }
}
