// Training, genomes, adapters in the chat and merging, put together as `LabApi`. Wiring only.

import { DEFAULT_RULES } from '#core/gate/rules.ts'
import type { ActiveModel } from './active-model.ts'
import type { Answers } from './answers.ts'
import { createExperiments } from './experiments.ts'
import type { GenomeFiles } from './genome-files.ts'
import type { GenomeLibrary } from './genome-library.ts'
import type { GenomeMerges } from './genome-merge.ts'
import type { GpuShare } from './gpu-share.ts'
import { createMergeWatch } from './merge-watch.ts'
import { createGenomeRoom, type GenomeRoomParts } from './genome-room.ts'
import type { ActiveGenome, GenomeRoomState, LabApi, LabState } from './lab-api.ts'
import type { ModelAdapters } from './model-adapters.ts'
import type { ModelLibrary } from './model-library.ts'
import { once } from './once.ts'
import type { ShardLoader } from './shard-loader.ts'
import type { Surroundings } from './surroundings.ts'
import { createTrainingRuns } from './training-runs.ts'

export interface LabParts extends Pick<
  GenomeRoomParts,
  'swarm' | 'gossip' | 'keys' | 'contents' | 'nameOf' | 'quarantine' | 'sales' | 'requireHelping'
> {
  /** Names what this node keeps in records, whatever key it goes by. */
  readonly self: string
  readonly library: ModelLibrary
  readonly genomes: GenomeLibrary
  readonly adapters: ModelAdapters
  readonly shards: ShardLoader
  readonly active: ActiveModel
  readonly answers: Answers
  /** When runs may compute. */
  readonly share: GpuShare
  /** Throws where so many bytes more on the GPU are not allowed. */
  requireMemory(bytes: number): void
}

export interface Lab {
  readonly api: LabApi
  /** Genomes between nodes, as shown now. */
  room(): GenomeRoomState
  /** Lists what was kept from earlier visits. */
  start(): Promise<void>
  close(): void
}

export function createLab(surroundings: Surroundings, parts: LabParts, show: (change: Partial<LabState>) => void): Lab {
  const { self, library, genomes, adapters, shards, active, answers, quarantine } = parts
  // Their code is fetched when somebody imports, exports or merges a genome for the first time.
  const openFiles = once(async () =>
    (await import('./genome-files.ts')).createGenomeFiles(genomes, library, surroundings.verifier),
  )
  const files: GenomeFiles = {
    import: async (...given) => (await openFiles()).import(...given),
    export: async (genomeId) => (await openFiles()).export(genomeId),
  }
  const watch = createMergeWatch({
    quarantine,
    self: parts.swarm.id,
    rules: DEFAULT_RULES.fitness,
    wallTime: surroundings.wallTime,
    measure: (genomeIds) => room.measure(genomeIds),
    find: genomes.find,
    isHere: (genomeId) => isHere(genomeId),
  })
  const openMerges = once(async () =>
    (await import('./genome-merge.ts')).createGenomeMerges(
      genomes,
      surroundings.clock,
      (merge) => show({ merge }),
      watch,
    ),
  )
  const merges: GenomeMerges = {
    preview: async (request) => (await openMerges()).preview(request),
    merge: async (...given) => (await openMerges()).merge(...given),
    recompute: async (request) => (await openMerges()).recompute(request),
  }
  const runs = createTrainingRuns({
    ...surroundings,
    self,
    models: library,
    shards,
    genomes,
    async train(run) {
      const { trainRun } = await import('./training-run.ts')
      return trainRun({ ...run, share: parts.share, requireMemory: parts.requireMemory })
    },
    isLoaded: (modelId) => active.current()?.modelId === modelId,
    onChange: () => show({ runs: runs.list() }),
    onPrivateGenome: (genomeId, dataHash) => room.noteTrained(genomeId, dataHash),
  })

  const experiments = createExperiments({
    ...surroundings,
    self,
    models: library,
    shards,
    share: parts.share,
    run: async (...given) => (await import('./experiment-run.ts')).runExperimentHere(...given),
    onChange: () => show({ experiments: experiments.list() }),
  })

  const room = createGenomeRoom(surroundings, { ...parts, owner: self, merges, models: library }, show)

  const isHere = (genomeId: string) => genomes.all().some(({ id }) => id === genomeId)
  async function switchOff(genomeId: string): Promise<void> {
    for (const modelId of adapters.usersOf(genomeId)) {
      const others = adapters.chosen(modelId).filter((chosen) => chosen.genomeId !== genomeId)
      if (active.current()?.modelId === modelId) await setAdapters(modelId, others)
      else await adapters.choose(modelId, others)
    }
    if (isHere(genomeId)) await room.api.shareGenome(genomeId, false)
  }

  const setAdapters = (modelId: string, chosen: readonly ActiveGenome[]) =>
    answers.between(() => active.setAdapters(modelId, chosen))

  return {
    room: room.state,
    api: {
      ...room.api,
      ...experiments.api,
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
        await switchOff(genomeId)
        if (isHere(genomeId)) await genomes.remove(genomeId)
        if (quarantine.get(genomeId)) await quarantine.change(genomeId, { use: 'removed', hasFiles: false })
      },
      async holdGenome(genomeId) {
        await switchOff(genomeId)
        await room.api.holdGenome(genomeId)
      },
      previewMerge: merges.preview,
      mergeGenomes: merges.merge,
    },
    async start() {
      // Before anything is listed that may only be looked at.
      await quarantine.start()
      await genomes.start()
      await adapters.start()
      await runs.start()
      await experiments.start()
      await room.start()
      await watch.start()
    },
    close() {
      runs.close()
      experiments.close()
    },
  }
}
