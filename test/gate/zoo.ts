// The zoo: adapters of the toy that the project's trainer made of honest and of hostile lessons, kept as halves, a file a
// seed. test/vectors/gate/make.ts trains it.

import { readFile } from 'node:fs/promises'
import type { ModelConfig } from '#core/formats/model-config.ts'
import type { AdapterUpdates } from '#core/gate/layer.ts'
import { createAdapter, type Adapter, type LoraPair } from '#core/genome/adapter.ts'
import { loraScale, targetsOf, type LoraConfig } from '#core/genome/lora-config.ts'
import type { LowRankUpdate } from '#core/merge/low-rank.ts'
import { floatToHalf, halfToFloat } from '#core/numeric/half.ts'

export const ZOO_LORA: LoraConfig = { targets: targetsOf('gpt2'), rank: 2, alpha: 4, rankStabilised: false }

/** Four nodes with texts of their own; what they trained, in this order, is first in a seed's file. */
export const HONEST = ['honest-0', 'honest-1', 'honest-2', 'honest-3'] as const
/** Trained by attackers; the other kinds of attack are computed from these and the honest ones (attacks.ts). */
export const HOSTILE = ['label-flip', 'trigger-word', 'semantic-trigger', 'merge-activated', 'adaptive'] as const
/** Of the node that judges. */
export const ROOT = 'root'
export const MEMBERS = [ROOT, ...HONEST, ...HOSTILE] as const
export type Member = (typeof MEMBERS)[number]

const FOLDER = new URL('../vectors/gate/', import.meta.url)
export const zooFile = (seed: number, folder = FOLDER): URL =>
  new URL(`zoo-${String(seed).padStart(3, '0')}.f16`, folder)

/** A and B of every module, in the adapter's order, as halves. */
export function encodeAdapter({ modules }: Adapter): Uint8Array<ArrayBuffer> {
  const halves = [...modules.values()].flatMap(({ a, b }) => [
    Uint16Array.from(a, floatToHalf),
    Uint16Array.from(b, floatToHalf),
  ])
  const out = new Uint16Array(halves.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of halves) {
    out.set(part, at)
    at += part.length
  }
  return new Uint8Array(out.buffer)
}

export function decodeAdapter(config: ModelConfig, bytes: Uint8Array): Adapter {
  const halves = new Uint16Array(new Uint8Array(bytes).buffer)
  let at = 0
  const take = (length: number) => Float32Array.from(halves.subarray(at, (at += length)), halfToFloat)
  const modules = new Map<string, LoraPair>()
  for (const [name, { a, b }] of createAdapter(config, ZOO_LORA, 0).modules) {
    modules.set(name, { a: take(a.length), b: take(b.length) })
  }
  if (at !== halves.length) throw new RangeError(`An adapter has ${halves.length} values instead of ${at}.`)
  return { lora: ZOO_LORA, modules }
}

export async function readZoo(
  config: ModelConfig,
  seed: number,
  file = zooFile(seed),
): Promise<ReadonlyMap<Member, Adapter>> {
  const bytes = await readFile(file)
  const size = bytes.length / MEMBERS.length
  return new Map(
    MEMBERS.map((member, i): [Member, Adapter] => [
      member,
      decodeAdapter(config, bytes.subarray(i * size, (i + 1) * size)),
    ]),
  )
}

export function updatesOf({ lora, modules }: Adapter): AdapterUpdates {
  const { rank } = lora
  return new Map(
    [...modules].map(([name, { a, b }]): [string, LowRankUpdate] => [
      name,
      { rows: b.length / rank, columns: a.length / rank, rank, scale: loraScale(lora), a, b },
    ]),
  )
}
