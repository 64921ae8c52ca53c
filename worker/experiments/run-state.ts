// Where a run stands between two steps of it, and the same as bytes: from it the run goes on to the figures of one that was
// never stopped.

import { CentramError } from '#core/errors.ts'
import { cellsSchema, type Cell, type Losses } from '#core/experiments/result.ts'
import { createMemorySource } from '#core/formats/byte-source.ts'
import { isJsonObject, parseJsonObject } from '#core/formats/json-file.ts'
import { layOutSafetensors } from '#core/formats/safetensors-writer.ts'
import { readSafetensors } from '#core/formats/safetensors.ts'
import type { LoraPair } from '#core/genome/adapter.ts'
import type { LoraConfig } from '#core/genome/lora-config.ts'
import type { Change, Weights } from '../train/learner.ts'

export interface RunState {
  readonly cells: readonly Cell[]
  readonly current: CellState | null
}

/** A cell between two rounds. */
export interface CellState {
  readonly arm: string
  readonly seed: number
  readonly base: Losses
  /** Done. */
  readonly rounds: number
  /** One for each node. */
  readonly changes: readonly Change[]
  readonly offers: number
  readonly accepted: number
  readonly planted?: { readonly offers: number; readonly accepted: number }
  /** Of the outer optimiser, by weight. */
  readonly velocity?: Weights
  readonly training: readonly number[]
}

export const NOTHING_RUN: RunState = { cells: [], current: null }

const MAGIC = 'centram experiment state 2'
/** Where a node's number stands for the changes of nodes. */
const VELOCITY = 'velocity'

export function encodeRunState({ cells, current }: RunState): Uint8Array<ArrayBuffer> {
  const parts = new Map<string, Float32Array>()
  for (const [node, change] of (current?.changes ?? []).entries()) {
    if (change.kind === 'full') for (const [name, values] of change.weights) parts.set(`${node}/${name}`, values)
    else {
      for (const [name, { a, b }] of change.adapter.modules) {
        parts.set(`${node}/${name}/a`, a)
        parts.set(`${node}/${name}/b`, b)
      }
      for (const [name, basis] of change.bases ?? []) parts.set(`${node}/${name}/basis`, basis)
    }
  }
  const { changes, velocity = new Map<string, Float32Array>(), ...rest } = current ?? { changes: [] }
  for (const [name, values] of velocity) parts.set(`${VELOCITY}/${name}`, values)
  const kinds = changes.map((change) =>
    change.kind === 'full' ? null : { lora: change.adapter.lora, freezeA: change.freezeA },
  )
  const about = { cells, current: current && rest, kinds }
  const plans = [...parts].map(([name, { length }]) => ({ name, dtype: 'F32', shape: [length] }))
  const layout = layOutSafetensors(plans, { kind: MAGIC, about: JSON.stringify(about) })
  const bytes = new Uint8Array(layout.size)
  bytes.set(layout.header)
  for (const { name, offset } of layout.entries) {
    const part = parts.get(name)
    if (part) bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset)
  }
  return bytes
}

/** What this program wrote itself. Throws `FORMAT_INVALID`, `FORMAT_TRUNCATED`. */
export async function decodeRunState(bytes: Uint8Array): Promise<RunState> {
  const { entries, header } = await readSafetensors(createMemorySource('experiment', bytes))
  const metadata = parseJsonObject('experiment', header.subarray(8))['__metadata__']
  const { kind, about } = isJsonObject(metadata) ? metadata : {}
  if (kind !== MAGIC || typeof about !== 'string') {
    throw new CentramError('FORMAT_INVALID', 'What was kept of the experiment cannot be read. Start it anew.')
  }
  const { cells, current, kinds } = JSON.parse(about) as {
    cells: unknown
    current: Omit<CellState, 'changes' | 'velocity'> | null
    kinds: readonly ({ lora: LoraConfig; freezeA: boolean } | null)[]
  }
  const values = new Map(
    entries.map(({ name, offset, byteLength }) => [
      name,
      new Float32Array(bytes.slice(offset, offset + byteLength).buffer),
    ]),
  )
  const under = (owner: number | string) =>
    [...values].flatMap(([name, part]) =>
      name.startsWith(`${owner}/`) ? [[name.slice(`${owner}/`.length), part] as const] : [],
    )
  const changes = kinds.map((lora, node): Change => {
    const own = under(node)
    if (lora === null) return { kind: 'full', weights: new Map(own) }
    const modules = new Map<string, LoraPair>()
    const bases = new Map(
      own.flatMap(([name, part]) =>
        name.endsWith('/basis') ? [[name.slice(0, -'/basis'.length), part] as const] : [],
      ),
    )
    for (const [name, a] of own) {
      const module = name.replace(/\/a$/, '')
      const b = values.get(`${node}/${module}/b`)
      if (module !== name && b) modules.set(module, { a, b })
    }
    return {
      kind: 'lora',
      adapter: { lora: lora.lora, modules },
      freezeA: lora.freezeA,
      ...(bases.size > 0 && { bases }),
    }
  })
  const velocity = new Map(under(VELOCITY))
  return {
    cells: cellsSchema.parse(cells),
    current: current && { ...current, changes, ...(velocity.size > 0 && { velocity }) },
  }
}
