// Entry of the benchmark page's training worker: opens a model, and runs steps of the trainer as it is asked.

import { CentramError, errorMessage } from '#core/errors.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { openModel } from '#core/formats/open-model.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
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
import { chooseProfile } from './gpu/choose-profile.ts'
import type { GpuContext } from './gpu/context.ts'
import { openTabGpu } from './tab/gpu.ts'
import { createTrainer, type Trainer } from './train/trainer.ts'

interface Bench {
  readonly gpu: GpuContext
  readonly trainer: Trainer
  readonly facts: BenchFacts
}

async function openBench(task: BenchTask): Promise<Bench> {
  const gpu = await openTabGpu()
  if ('kind' in gpu) throw new CentramError('GPU_UNAVAILABLE', `${gpu.message} ${gpu.remedy}`)
  const model = 'seeded' in task.model ? makeSeededModel(task.model.seeded) : await fetchModel(task.model.files)
  const sequences = benchSequences(task, model.config.vocabularySize)
  const { profile } = await chooseProfile(gpu)
  const trainer = await createTrainer(gpu, model, {
    profile,
    plan: benchPlan(task),
    trained: { kind: 'lora', adapter: benchAdapter(model, task), dropout: 0 },
    train: sequences,
    heldOut: sequences,
  })
  const { vendor, architecture, description } = gpu.info
  return {
    gpu,
    trainer,
    facts: {
      adapter: [vendor, architecture, description].filter(Boolean).join(' '),
      family: model.config.family,
      shape: describeShape(model),
      trainableParameters: trainer.trainableParameters,
      weights: [...new Set([...model.tensors.values()].filter(isMatrix).map(({ dtype }) => dtype))].join(', '),
    },
  }
}

const isMatrix = ({ shape }: { readonly shape: readonly number[] }): boolean => shape.length === 2

async function fetchModel(files: readonly string[]): Promise<OpenedModel> {
  const sources = files.map(async (address) => {
    const response = await fetch(address)
    if (!response.ok) throw new CentramError('SOURCE_UNREACHABLE', `${address} answered ${response.status}.`)
    return createMemorySource(address.split('/').slice(-2).join('/'), new Uint8Array(await response.arrayBuffer()))
  })
  return openModel(await Promise.all(sources))
}

let bench: Bench | undefined

async function answer(request: BenchRequest): Promise<BenchAnswer> {
  if (request.type === 'open') {
    bench = await openBench(request.task)
    return { type: 'opened', facts: bench.facts }
  }
  if (!bench) throw new CentramError('BAD_ARGUMENT', 'Open a task first.')
  const { gpu, trainer } = bench
  switch (request.type) {
    case 'steps': {
      const losses: number[] = []
      const gradientNorms: number[] = []
      const start = performance.now()
      for (let i = 0; i < request.count; i++) {
        const { loss, gradientNorm } = await trainer.runStep()
        losses.push(loss)
        gradientNorms.push(gradientNorm)
      }
      await gpu.device.queue.onSubmittedWorkDone()
      const milliseconds = performance.now() - start
      // Buffers are made once and kept, so that what is held after a step is the most that was.
      return { type: 'stepped', losses, gradientNorms, milliseconds, peakBytes: gpu.allocatedBytes }
    }
    case 'forward': {
      const start = performance.now()
      await trainer.evaluate()
      return { type: 'forwarded', milliseconds: performance.now() - start }
    }
    case 'close':
      bench = undefined
      trainer.dispose()
      gpu.dispose()
      return { type: 'closed' }
  }
}

addEventListener('message', ({ data }: MessageEvent<BenchRequest>) => {
  void answer(data)
    .catch((error: unknown): BenchAnswer => ({ type: 'failed', message: errorMessage(error) }))
    .then((reply) => postMessage(reply))
})
