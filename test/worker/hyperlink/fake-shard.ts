// A stand-in for a loaded shard whose arithmetic is exact, so that a test can tell what a pipeline did to it: each layer
// mixes the hidden state with its number and with everything its cache has seen.

import type { ModelConfig } from '#core/formats/model-config.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { CentramError } from '#core/errors.ts'
import type { ColumnOutput, OutputKind, Shard, ShardSession, StepOutput } from '../../../worker/model/shard.ts'

export const FAKE_CONFIG: ModelConfig = {
  family: 'llama',
  name: 'fake',
  vocabularySize: 97,
  contextLength: 4096,
  width: 8,
  layers: 6,
  heads: 1,
  kvHeads: 1,
  headDim: 8,
  ffnWidth: 8,
  normEpsilon: 1e-5,
  tiedHead: true,
}

export interface FakeShard extends Shard {
  readonly openSessions: Set<ShardSession>
  /** How many sessions each shared step was of. */
  readonly together: number[]
  disposed: boolean
  /** Makes the next step reject with this. */
  failNext: CentramError | null
  /** Columns computed, all sessions together. */
  computed: number
}

const PRIME = 65_521

/** `chunky`: what a prefill computes shows its chunks, as it does on a GPU, where they decide the order of sums. */
export function createFakeShard(range: LayerRange, { chunky = false } = {}): FakeShard {
  const { width, layers } = FAKE_CONFIG
  const hasHead = range.last === layers
  const shard: FakeShard = {
    config: FAKE_CONFIG,
    range,
    hasEmbedding: range.first === 0,
    hasHead,
    weightBytes: (range.last - range.first) * 100,
    sessionBytes: (contextLength) => contextLength,
    adapterBytes: () => 0,
    setAdapters: async () => undefined,
    openSessions: new Set(),
    together: [],
    disposed: false,
    failNext: null,
    computed: 0,
    async openSession(contextLength) {
      let caches = Array.from({ length: range.last - range.first }, () => [] as number[])
      let length = 0
      let queue: Promise<unknown> = Promise.resolve()
      const session: ShardSession = {
        contextLength,
        get length() {
          return length
        },
        step(input, family, output, results) {
          const position = length
          const columns = 'hidden' in input ? input.hidden.length / width : input.tokens.length
          const salt = chunky && family === 'prefill' ? columns : 0
          length += columns
          shard.computed += columns
          const run = async (): Promise<StepOutput | undefined> => {
            await Promise.resolve()
            if (shard.failNext) throw shard.failNext
            let hidden =
              'hidden' in input
                ? Float32Array.from(input.hidden)
                : Float32Array.from([...input.tokens].flatMap((token) => new Array<number>(width).fill(token + 1)))
            caches = caches.map((cache) => cache.slice(0, position))
            for (const [index, cache] of caches.entries()) {
              hidden = hidden.map((value, at) => {
                if (at % width === 0) cache.push(((cache.at(-1) ?? 0) * 31 + value + salt) % PRIME)
                return (value * (range.first + index + 2) + (cache.at(-1) ?? 0) + (at % width)) % PRIME
              })
            }
            if (!hasHead) return { kind: 'hidden', hidden }
            if (output === 'none') return undefined
            if (output === 'states') return { kind: 'states', columns, states: hidden }
            const first = results === 'each' ? 0 : hidden.length - width
            const made = Array.from({ length: (hidden.length - first) / width }, (_, column) =>
              columnOutput(hidden.slice(first + column * width, first + (column + 1) * width), output),
            )
            return results === 'each' ? { kind: 'columns', columns: made } : made[0]
          }
          const running = queue.then(run)
          queue = running.catch(() => undefined)
          return running
        },
        trim(to) {
          length = to
        },
        dispose: () => shard.openSessions.delete(session),
      }
      shard.openSessions.add(session)
      return session
    },
    stepTogether(steps) {
      shard.together.push(steps.length)
      return steps.map(({ session, input, output, results }) => session.step(input, 'decode', output, results))
    },
    dispose() {
      shard.disposed = true
    },
  }
  return shard
}

function columnOutput(hidden: Float32Array, output: Exclude<OutputKind, 'states'>): ColumnOutput {
  const logits = Float32Array.from({ length: FAKE_CONFIG.vocabularySize }, (_, id) => {
    return hidden.reduce((sum, value, at) => (sum + value * ((id + at) % 13)) % PRIME, 0)
  })
  const order = Uint32Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
  if (output === 'token') return { kind: 'token', token: order[0] ?? 0 }
  if (output === 'logits') return { kind: 'logits', logits }
  return { kind: 'top', ids: order.slice(0, 8), logits: Float32Array.from(order.slice(0, 8), (id) => logits[id] ?? 0) }
}
