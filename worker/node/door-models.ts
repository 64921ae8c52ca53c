// What a door can answer with at once: the loaded model, by itself and with each genome that fits it, and what other nodes of the
// room answer with. Nothing is fetched or loaded because somebody outside asked for it.

import { MAX_MODELS, type OfferedDoorModel } from '#core/door/messages.ts'
import type { NodeState } from './api.ts'
import type { ActiveGenome } from './lab-api.ts'

export interface DoorModel extends OfferedDoorModel {
  readonly modelId: string
  /** Absent for a model of another node, which answers with what it chose. */
  readonly adapters?: readonly ActiveGenome[]
}

export type DoorSource = Pick<NodeState, 'gpu' | 'models' | 'placement' | 'genomes' | 'peers'>

export function listDoorModels({ gpu, models, placement, genomes, peers }: DoorSource): readonly DoorModel[] {
  const isLight = gpu.kind !== 'ready'
  const loaded = models.find(({ id, status }) => id === placement?.modelId && status === 'ready')
  const list: DoorModel[] = []
  const add = (model: DoorModel) => {
    const isTaken = list.some(({ name }) => name === model.name)
    if (!isTaken && model.name.length <= 256 && list.length < MAX_MODELS) list.push(model)
  }
  if (loaded && !isLight) {
    const { id: modelId, title } = loaded
    const common = { modelId, embeds: true }
    add({ ...common, name: modelId, title, adapters: [] })
    const fitting = genomes.filter((genome) => genome.modelId === modelId)
    for (const genome of fitting) {
      const adapters = [{ genomeId: genome.id, weight: 1 }]
      const about = { ...common, title: `${title} with ${genome.name}`.slice(0, 256), adapters }
      const isShared = fitting.some((other) => other !== genome && slugOf(other.name) === slugOf(genome.name))
      const slug = slugOf(genome.name)
      add({ ...about, name: `${modelId}:${slug === '' || isShared ? genome.id.slice(0, 12) : slug}` })
    }
  }
  for (const { link, models: offered } of peers) {
    if (link !== 'open') continue
    for (const { id: modelId, title } of offered) {
      // One that is listed here as well would be loaded here.
      const isForeign = isLight || !models.some(({ id }) => id === modelId)
      if (isForeign) add({ modelId, name: modelId, title, embeds: false })
    }
  }
  return list
}

/** A name as part of an address: lower case, words joined by hyphens. */
function slugOf(name: string): string {
  const words =
    name
      .normalize('NFKD')
      .toLowerCase()
      .match(/[a-z0-9.]+/g) ?? []
  return words.join('-').slice(0, 60)
}
