// Training, genomes, adapters in the chat and merging, put together as `LabApi`. Wiring only.

import type { ActiveModel } from './active-model.ts'
import type { Answers } from './answers.ts'
import { createGenomeFiles } from './genome-files.ts'
import type { GenomeLibrary } from './genome-library.ts'
import { createGenomeMerges } from './genome-merge.ts'
import type { ActiveGenome, LabApi, LabState } from './lab-api.ts'
import type { ModelAdapters } from './model-adapters.ts'
import type { ModelLibrary } from './model-library.ts'
import type { ShardLoader } from './shard-loader.ts'
import type { Surroundings } from './surroundings.ts'
import { trainRun } from './training-run.ts'
import { createTrainingRuns } from './training-runs.ts'

export interface LabParts {
  readonly self: string
  readonly library: ModelLibrary
  readonly genomes: GenomeLibrary
  readonly adapters: ModelAdapters
  readonly shards: ShardLoader
  readonly active: ActiveModel
  readonly answers: Answers
}

export interface Lab {
  readonly api: LabApi
  /** Lists what was kept from earlier visits. */
  start(): Promise<void>
  close(): void
}

export function createLab(
  surroundings: Surroundings,
  { self, library, genomes, adapters, shards, active, answers }: LabParts,
  show: (change: Partial<LabState>) => void,
): Lab {
  const files = createGenomeFiles(genomes, library, surroundings.verifier)
  const merges = createGenomeMerges(genomes, surroundings.clock, (merge) => show({ merge }))
  const runs = createTrainingRuns({
    ...surroundings,
    self,
    models: library,
    shards,
    genomes,
    train: trainRun,
    isLoaded: (modelId) => active.current()?.modelId === modelId,
    onChange: () => show({ runs: runs.list() }),
  })

  const setAdapters = (modelId: string, chosen: readonly ActiveGenome[]) =>
    answers.between(() => active.setAdapters(modelId, chosen))

  return {
    api: {
      previewTraining: runs.preview,
      startTraining: runs.begin,
      pauseTraining: runs.pause,
      resumeTraining: runs.resume,
      endTraining: runs.end,
      removeRun: runs.remove,
      setAdapters,
      importGenome: files.import,
      exportGenome: files.export,
      async removeGenome(genomeId) {
        for (const modelId of adapters.usersOf(genomeId)) {
          const others = adapters.chosen(modelId).filter((chosen) => chosen.genomeId !== genomeId)
          if (active.current()?.modelId === modelId) await setAdapters(modelId, others)
          else await adapters.choose(modelId, others)
        }
        await genomes.remove(genomeId)
      },
      previewMerge: merges.preview,
      mergeGenomes: merges.merge,
    },
    async start() {
      await genomes.start()
      await adapters.start()
      await runs.start()
    },
    close: runs.close,
  }
}
