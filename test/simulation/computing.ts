// The GPU of a simulated node: loads shards from the bytes that the node stored, takes time for each step, and can be lost.

import { CentramError } from '#core/errors.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { GpuState } from '../../worker/node/api.ts'
import type { ShardLoader } from '../../worker/node/shard-loader.ts'
import {
  TOP_CANDIDATES,
  type ColumnOutput,
  type OutputKind,
  type ResultColumns,
  type Shard,
  type ShardSession,
  type StepFamily,
  type StepInput,
  type StepOutput,
} from '../../worker/model/shard.ts'
import type { Arithmetic } from './arithmetic.ts'
import type { SimulatedProcess } from './process.ts'
import type { Dice } from './random.ts'

export interface Computing {
  /** In place of the product's own loader, for `createNode`. */
  createShards(self: string, onState: (state: GpuState) => void): ShardLoader
  /** The device is lost: every step fails until the node starts anew. */
  lose(): void
  /** The next step fails for another reason. */
  failNext(): void
  /** What was to fail next does not. */
  calm(): void
  readonly openSessions: number
}

export interface ComputingOptions {
  readonly process: SimulatedProcess
  readonly arithmetic: Arithmetic
  readonly dice: Dice
  /** Null: a node without a GPU. */
  readonly budgetBytes: number | null
  readonly bytesPerSecond: number
  /** What a layer's bytes come to, when they are the origin's. */
  readonly rightWeights: readonly number[]
  violate(what: string): void
}

const PROFILE = 'simulated'
const GPU_LOST = () => new CentramError('GPU_LOST', 'The simulated device was lost. Start the node anew.')

export function createComputing(options: ComputingOptions): Computing {
  const { process, arithmetic, dice, budgetBytes, bytesPerSecond } = options
  let lost = false
  let failing = false
  let openSessions = 0
  let show: (state: GpuState) => void = () => undefined
  let state: GpuState = { kind: 'starting' }
  const wait = (milliseconds: number, label: string) =>
    new Promise<void>((resolve) => process.after(milliseconds, label, resolve))

  return {
    get openSessions() {
      return openSessions
    },
    lose() {
      if (lost || budgetBytes === null) return
      lost = true
      state = { kind: 'none', reason: 'device-lost', message: 'The device was lost.', remedy: 'Reload the page.' }
      show(state)
    },
    failNext() {
      failing = true
    },
    calm() {
      failing = false
    },
    createShards(self, onState) {
      show = (next) => {
        state = next
        onState(next)
      }
      let starting: Promise<void> | null = null
      const open = async (): Promise<void> => {
        await wait(dice.between(5, 400), 'opens its GPU')
        if (lost) return
        if (budgetBytes === null) {
          show({
            kind: 'none',
            reason: 'no-webgpu',
            message: 'There is no WebGPU here.',
            remedy: 'Use another browser.',
          })
          return
        }
        show({
          kind: 'ready',
          vendor: 'simulated',
          architecture: '',
          description: 'simulated device',
          software: true,
          features: [],
          maxBufferBytes: 2 ** 30,
          budgetBytes,
          bytesPerSecond,
        })
      }
      const unavailable = () =>
        new CentramError('GPU_UNAVAILABLE', state.kind === 'none' ? state.message : 'The GPU is still being opened.')
      const loader: ShardLoader = {
        state: () => state,
        start() {
          starting ??= open()
          return starting.then(() => {
            if (state.kind !== 'ready') throw unavailable()
          })
        },
        offer() {
          if (state.kind !== 'ready') throw unavailable()
          return { id: self, budgetBytes: state.budgetBytes, bytesPerSecond }
        },
        profile() {
          if (state.kind !== 'ready') throw unavailable()
          return PROFILE
        },
        gpu() {
          throw unavailable()
        },
        async load(model, range, { signal, onProgress }) {
          if (state.kind !== 'ready') throw unavailable()
          await wait(dice.between(5, 200), `loads layers ${range.first} to ${range.last}`)
          signal.throwIfAborted()
          onProgress(0.5, 0)
          const weights = await arithmetic.loadWeights(model, range, signal)
          signal.throwIfAborted()
          const wrong = weights.findIndex((weight, index) => weight !== options.rightWeights[range.first + index])
          if (wrong >= 0)
            options.violate(`${process.name} read other bytes of layer ${range.first + wrong} than the origin has`)
          if (lost) throw GPU_LOST()
          onProgress(1, 1)
          return createShard(model, range, weights)
        },
        close: () => undefined,
      }
      return loader
    },
  }

  function createShard(model: OpenedModel, range: LayerRange, weights: readonly number[]): Shard {
    const { config } = model
    const { width, vocabularySize } = config
    const hasHead = range.last === config.layers
    let queue: Promise<unknown> = Promise.resolve()

    function columnOutput(hidden: Float32Array, output: OutputKind): ColumnOutput {
      const logits = arithmetic.logits(hidden, vocabularySize)
      if (output === 'logits') return { kind: 'logits', logits }
      const order = Uint32Array.from(logits.keys()).sort((a, b) => logits[b]! - logits[a]! || a - b)
      if (output === 'token') return { kind: 'token', token: order[0]! }
      const ids = order.slice(0, TOP_CANDIDATES)
      return { kind: 'top', ids, logits: Float32Array.from(ids, (id) => logits[id]!) }
    }

    function openSession(contextLength: number): ShardSession {
      const caches = weights.map((): number[] => [])
      let length = 0
      let disposed = false
      openSessions++

      function begin(input: StepInput): { at: number; columns: number } {
        const columns = 'hidden' in input ? input.hidden.length / width : input.tokens.length
        if ('tokens' in input !== (range.first === 0) || disposed) {
          throw new CentramError('BAD_ARGUMENT', 'A simulated shard was used wrongly.')
        }
        if (length + columns > contextLength) throw new CentramError('CONTEXT_FULL', 'The context is full.')
        const at = length
        length += columns
        return { at, columns }
      }

      function compute(
        input: StepInput,
        at: number,
        family: StepFamily,
        output: OutputKind | 'none',
        results: ResultColumns,
      ): StepOutput | undefined {
        const hidden = 'hidden' in input ? Float32Array.from(input.hidden) : arithmetic.embed(input.tokens, width)
        for (const [index, weight] of weights.entries()) {
          arithmetic.runLayer(range.first + index, weight, caches[index]!, at, hidden, family, width)
        }
        if (!hasHead) return { kind: 'hidden', hidden }
        if (output === 'none') return undefined
        const column = (index: number) => columnOutput(hidden.subarray(index * width, (index + 1) * width), output)
        const columns = hidden.length / width
        if (results === 'last') return column(columns - 1)
        return { kind: 'columns', columns: Array.from({ length: columns }, (_, index) => column(index)) }
      }

      const session: ShardSession = {
        contextLength,
        get length() {
          return length
        },
        async step(input, family, output, results = 'last') {
          const { at, columns } = begin(input)
          const copy: StepInput =
            'hidden' in input ? { hidden: input.hidden.slice() } : { tokens: input.tokens.slice() }
          const running = queue.then(async () => {
            await wait(dice.between(0.3, 3) + columns * 0.02, `computes ${columns} ${family}`)
            if (lost) throw GPU_LOST()
            if (failing) {
              failing = false
              throw new CentramError('GPU_FAILED', 'A simulated step failed.')
            }
            return compute(copy, at, family, output, results)
          })
          queue = running.catch(() => undefined)
          return running
        },
        trim(to) {
          if (!Number.isInteger(to) || to < 0 || to > length) {
            throw new CentramError('BAD_ARGUMENT', `A session of ${length} positions cannot be trimmed to ${to}.`)
          }
          length = to
        },
        dispose() {
          if (!disposed) openSessions--
          disposed = true
        },
      }
      return session
    }

    return {
      config,
      range,
      hasEmbedding: range.first === 0,
      hasHead,
      weightBytes: (range.last - range.first) * 1000,
      sessionBytes: (contextLength) => contextLength,
      adapterBytes: () => 0,
      setAdapters: async () => undefined,
      openSession: async (contextLength) => openSession(contextLength),
      stepTogether: (steps) =>
        steps.map(({ session, input, output, results }) => session.step(input, 'decode', output, results)),
      dispose: () => undefined,
    }
  }
}
