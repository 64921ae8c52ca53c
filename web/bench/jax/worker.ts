// The other side of the training benchmark: the step of gpt-step.ts on this browser's GPU, with weights, adapter and
// batch made by the same code as ours.

import { defaultDevice, getWebGPUDevice, init, nn, numpy as np, tree } from '@jax-js/jax'
import { CentramError, errorMessage } from '#core/errors.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { loraScale } from '#core/genome/lora-config.ts'
import type { Adapter } from '#core/genome/adapter.ts'
import { adamWRates } from '#core/numeric/adamw.ts'
import { dequantise } from '#core/numeric/dequantise.ts'
import {
  benchAdapter,
  benchPlan,
  benchSequences,
  describeShape,
  type BenchAnswer,
  type BenchFacts,
  type BenchRequest,
  type BenchTask,
} from '#core/training/bench-task.ts'
import { makeSeededModel } from '#core/training/seeded-model.ts'
import { createStep, type Batch, type Frozen, type Pairs, type State } from './gpt-step.ts'

interface Bench {
  readonly facts: BenchFacts
  steps(count: number): Promise<Extract<BenchAnswer, { type: 'stepped' }>>
  forward(): Promise<number>
}

async function openBench(task: BenchTask): Promise<Bench> {
  const available = await init('webgpu')
  if (!available.includes('webgpu')) throw new CentramError('GPU_UNAVAILABLE', 'jax-js finds no WebGPU here.')
  defaultDevice('webgpu')
  const memory = watchMemory(getWebGPUDevice())
  const model = await fetchModel(task)
  const { config } = model
  if (config.family !== 'gpt2') throw new CentramError('BAD_ARGUMENT', 'Only the GPT-2 step is written for jax-js.')
  const { sequences, length } = task
  const plan = benchPlan(task)
  const adapter = benchAdapter(model, task)
  const frozen = await loadFrozen(model)
  const packed = benchSequences(task, config.vocabularySize)
  const concatenated = (select: (index: number) => Uint32Array) =>
    Int32Array.from(packed.flatMap((_, index) => [...select(index)]))
  const batch: Batch = {
    tokens: np.array(concatenated((index) => packed[index]!.tokens)).reshape([sequences, length]),
    targets: nn.oneHot(np.array(concatenated((index) => packed[index]!.targets)), config.vocabularySize),
  }
  const { step, forward } = createStep({ config, plan, scale: loraScale(adapter.lora), sequences, length })
  let state = initialState(adapter)
  let done = 0

  return {
    facts: {
      adapter: 'jax-js',
      family: config.family,
      shape: describeShape(model),
      trainableParameters: [...adapter.modules.values()].reduce((sum, { a, b }) => sum + a.length + b.length, 0),
      weights: 'F32',
    },
    async steps(count) {
      const losses: number[] = []
      const gradientNorms: number[] = []
      const start = performance.now()
      for (let i = 0; i < count; i++) {
        const rates = adamWRates({ ...plan, learningRate: plan.schedule.peak }, ++done)
        const given = {
          keep: np.array(rates.keep),
          stepSize: np.array(rates.stepSize),
          rootCorrection: np.array(rates.rootCorrection),
        }
        const { loss, gradientNorm, state: next } = step(state, tree.ref(frozen), tree.ref(batch), given)
        state = next
        losses.push(await readNumber(loss))
        gradientNorms.push(await readNumber(gradientNorm))
      }
      await getWebGPUDevice().queue.onSubmittedWorkDone()
      const milliseconds = performance.now() - start
      return { type: 'stepped', losses, gradientNorms, milliseconds, peakBytes: memory.peak() }
    },
    async forward() {
      const start = performance.now()
      await forward(tree.ref(state.pairs), tree.ref(frozen), tree.ref(batch)).data()
      return performance.now() - start
    },
  }
}

async function readNumber(array: np.Array): Promise<number> {
  const values = (await array.data()) as ArrayLike<number>
  return values[0] ?? NaN
}

async function fetchModel({ model }: BenchTask): Promise<OpenedModel> {
  if ('seeded' in model) return makeSeededModel(model.seeded)
  const sources = model.files.map(async (address) => {
    const response = await fetch(address)
    if (!response.ok) throw new CentramError('SOURCE_UNREACHABLE', `${address} answered ${response.status}.`)
    return createMemorySource(address.split('/').slice(-2).join('/'), new Uint8Array(await response.arrayBuffer()))
  })
  return openModel(await Promise.all(sources))
}

/** Matrices of linears as `[inputs, outputs]`, tables as they are. */
async function loadFrozen({ tensors, sources }: OpenedModel): Promise<Frozen> {
  const frozen: Frozen = {}
  for (const [name, { dtype, shape, source, offset, byteLength, transposed }] of tensors) {
    const bytes = await sources[source]!.read(offset, byteLength)
    const values = new Float32Array(dequantise(dtype, bytes))
    const [rows = 0, columns = 0] = shape
    if (shape.length === 1) frozen[name] = np.array(values)
    else if (transposed) frozen[name] = np.array(values).reshape([columns, rows])
    else if (name.startsWith('blk.')) frozen[name] = turned(values, rows, columns)
    else frozen[name] = np.array(values).reshape([rows, columns])
  }
  return frozen
}

function initialState({ lora, modules }: Adapter): State {
  const { rank } = lora
  const pairs: Pairs = {}
  const zeros = (): Pairs =>
    Object.fromEntries(
      [...modules].map(([name, { a, b }]) => [
        name,
        { a: np.zeros([a.length / rank, rank]), b: np.zeros([rank, b.length / rank]) },
      ]),
    )
  for (const [name, { a, b }] of modules) {
    pairs[name] = { a: turned(a, rank, a.length / rank), b: turned(b, b.length / rank, rank) }
  }
  return { pairs, first: zeros(), second: zeros() }
}

/** `[rows, columns]` as an array of `[columns, rows]`. */
function turned(values: Float32Array, rows: number, columns: number): np.Array {
  const out = new Float32Array(values.length)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) out[column * rows + row] = values[row * columns + column]!
  }
  return np.array(out).reshape([columns, rows])
}

/** Adds up the buffers that are made and not destroyed. */
function watchMemory(device: GPUDevice): { peak(): number } {
  let held = 0
  let most = 0
  const create = device.createBuffer.bind(device)
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor)
    const destroy = buffer.destroy.bind(buffer)
    held += descriptor.size
    most = Math.max(most, held)
    let gone = false
    buffer.destroy = () => {
      if (!gone) held -= descriptor.size
      gone = true
      return destroy()
    }
    return buffer
  }
  return { peak: () => most }
}

let bench: Bench | undefined

async function answer(request: BenchRequest): Promise<BenchAnswer> {
  if (request.type === 'open') {
    bench = await openBench(request.task)
    return { type: 'opened', facts: bench.facts }
  }
  if (!bench) throw new CentramError('BAD_ARGUMENT', 'Open a task first.')
  if (request.type === 'steps') return bench.steps(request.count)
  if (request.type === 'forward') return { type: 'forwarded', milliseconds: await bench.forward() }
  return { type: 'closed' }
}

addEventListener('message', ({ data }: MessageEvent<BenchRequest>) => {
  void answer(data)
    .catch((error: unknown): BenchAnswer => ({ type: 'failed', message: errorMessage(error) }))
    .then((reply) => postMessage(reply))
})
