// One experiment on this node's GPU: its texts fetched from beside the page, its base opened, and the runner let loose.

import { CentramError } from '#core/errors.ts'
import { domainsOf, unitsOf, type Experiment } from '#core/experiments/experiment.ts'
import { parseDomainText, textPath, windowsOf, type Domain, type DomainWindows } from '#core/experiments/texts.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import { encodeToyWeights, initialToyWeights, openToy } from '#core/toy/toy-model.ts'
import { decodeRunState, encodeRunState, NOTHING_RUN, type RunState } from '../experiments/run-state.ts'
import { runExperiment } from '../experiments/run-experiment.ts'
import type { GpuContext } from '../gpu/context.ts'
import { parseProfile } from '../gpu/profile.ts'
import { createLearner } from '../train/learner.ts'
import type { GpuShare } from './gpu-share.ts'
import type { Surroundings } from './surroundings.ts'

export interface ExperimentRunOptions {
  readonly gpu: GpuContext
  /** Kernel shapes, as text. */
  readonly profile: string
  readonly builtIn: OpenedModel
  /** As it was saved last. */
  readonly kept: Uint8Array | undefined
  readonly surroundings: Pick<Surroundings, 'fetch' | 'settings'>
  /** When it may compute. */
  readonly share?: GpuShare
  readonly signal: AbortSignal
  /** The part done, 0 to 1. */
  onProgress(part: number): void
  save(state: RunState, bytes: Uint8Array<ArrayBuffer>): Promise<void>
}

export async function runExperimentHere(experiment: Experiment, options: ExperimentRunOptions): Promise<void> {
  const { gpu, builtIn, kept, surroundings, share, signal, onProgress, save } = options
  const profile = parseProfile(options.profile)
  const texts = await fetchTexts(domainsOf(experiment), surroundings, signal)
  const state = kept ? await decodeRunState(kept) : NOTHING_RUN
  const units = unitsOf(experiment)
  const inTurn = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    await share?.turn(signal)
    const done = share?.begin()
    try {
      return await work()
    } finally {
      done?.()
    }
  }
  await runExperiment(experiment, {
    async learnerFor(seed) {
      const model =
        experiment.base === 'built-in' ? builtIn : await openToy(encodeToyWeights(initialToyWeights(seed), 'F32'))
      return createLearner(gpu, model, profile, inTurn)
    },
    texts,
    state,
    onProgress: (done) => onProgress(done / units),
    save: (reached) => save(reached, encodeRunState(reached)),
    signal,
  })
}

async function fetchTexts(
  domains: readonly Domain[],
  { fetch, settings }: Pick<Surroundings, 'fetch' | 'settings'>,
  signal: AbortSignal,
): Promise<ReadonlyMap<Domain, DomainWindows>> {
  const texts = domains.map(async (domain) => {
    const url = new URL(textPath(domain), settings.pageUrl).href
    const response = await fetch(url, { signal }).catch((cause: unknown) => unreachable(url, signal, cause))
    if (!response.ok) unreachable(url, signal, response.status)
    const bytes = new Uint8Array(await response.arrayBuffer())
    return [domain, windowsOf(parseDomainText(domain, bytes))] as const
  })
  return new Map(await Promise.all(texts))
}

function unreachable(url: string, signal: AbortSignal, cause: unknown): never {
  signal.throwIfAborted()
  throw new CentramError(
    'SOURCE_UNREACHABLE',
    `The text at ${url} cannot be fetched. See that this page’s server can be reached, then resume the experiment.`,
    { cause },
  )
}
