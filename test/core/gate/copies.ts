// Ways to hide whose work an adapter is: ΔW stays the same, or nearly so, while every number in the file changes.

import type { Adapter, LoraPair } from '#core/genome/adapter.ts'
import { drawUniform } from '#core/training/random-streams.ts'
import { trainedAdapter } from './arrivals.ts'

const draw = (seed: number, i: number, part: number) => 2 * drawUniform(seed, 'initial', i, part) - 1

function mapPairs(
  adapter: Adapter,
  change: (pair: LoraPair, part: number) => LoraPair,
  rank = adapter.lora.rank,
): Adapter {
  const { lora, modules } = adapter
  // The scale alpha / rank stays what it was.
  const alpha = (lora.alpha / lora.rank) * rank
  return {
    lora: { ...lora, rank, alpha },
    modules: new Map([...modules].map(([name, pair], part) => [name, change(pair, part)])),
  }
}

/** @param each flips and scales every module by a factor of its own. */
export function rescaled(adapter: Adapter, factor: number, each = false): Adapter {
  return mapPairs(adapter, ({ a, b }, part) => {
    const own = each ? (part % 2 === 0 ? -1 : 1) * (1 + part) * factor : factor
    return { a: a.slice(), b: b.map((value) => own * value) }
  })
}

export const flipped = (adapter: Adapter): Adapter => rescaled(adapter, -1)

/** Ranks in reverse order, each factor's scale moved to the other. */
export function shuffled(adapter: Adapter): Adapter {
  const { rank } = adapter.lora
  return mapPairs(adapter, ({ a, b }) => {
    const columns = a.length / rank
    const place = (i: number) => rank - 1 - i
    return {
      a: a.map((_, i) => (a[place(Math.floor(i / columns)) * columns + (i % columns)] as number) * 4),
      b: b.map((_, i) => (b[Math.floor(i / rank) * rank + place(i % rank)] as number) / 4),
    }
  })
}

/** B·R and R⁻¹·A for R a random lower triangular matrix of ones on its diagonal. */
export function turned(adapter: Adapter, seed: number): Adapter {
  const { rank } = adapter.lora
  return mapPairs(adapter, ({ a, b }, part) => {
    const r = Array.from({ length: rank }, (_, i) =>
      Array.from({ length: rank }, (__, j) => (i === j ? 1 : i > j ? draw(seed, i * rank + j, part) : 0)),
    )
    const at = (i: number, j: number) => r[i]?.[j] ?? 0
    const columns = a.length / rank
    const turnedA = a.slice()
    // Forward substitution: R·A′ = A.
    for (let i = 0; i < rank; i++) {
      for (let j = 0; j < i; j++) {
        for (let k = 0; k < columns; k++) turnedA[i * columns + k]! -= at(i, j) * (turnedA[j * columns + k] as number)
      }
    }
    const turnedB = b.map((_, place) => {
      const [row, column] = [Math.floor(place / rank), place % rank]
      let sum = 0
      for (let k = 0; k < rank; k++) sum += (b[row * rank + k] as number) * at(k, column)
      return sum
    })
    return { a: turnedA, b: turnedB }
  })
}

/** Another adapter added whose ΔW is about `strength` times as long: at twice the rank, so that nothing of it is lost. */
export function noisy(adapter: Adapter, strength: number, seed: number): Adapter {
  return merged([adapter, trainedAdapter(seed, adapter.lora)], [1, strength])
}

/** Σ wᵢ·ΔWᵢ, exactly: factors above one another and side by side. */
export function merged(adapters: readonly Adapter[], weights: readonly number[]): Adapter {
  const [first] = adapters
  if (!first) throw new Error('nothing to merge')
  const { rank } = first.lora
  const total = rank * adapters.length
  return mapPairs(
    first,
    (_, part) => {
      const pairs = adapters.map(({ modules }) => [...modules.values()][part] as LoraPair)
      const [one] = pairs as [LoraPair]
      const columns = one.a.length / rank
      const a = new Float32Array(total * columns)
      const b = new Float32Array((one.b.length / rank) * total)
      for (const [i, pair] of pairs.entries()) {
        a.set(pair.a, i * one.a.length)
        for (const [place, value] of pair.b.entries()) {
          b[Math.floor(place / rank) * total + i * rank + (place % rank)] = (weights[i] ?? 0) * value
        }
      }
      return { a, b }
    },
    total,
  )
}

/** At a higher rank, with ranks that do nothing. */
export function changed(adapter: Adapter, rank: number): Adapter {
  const before = adapter.lora.rank
  return mapPairs(
    adapter,
    ({ a, b }) => {
      const padded = new Float32Array((a.length / before) * rank)
      padded.set(a)
      const b2 = new Float32Array((b.length / before) * rank)
      for (const [place, value] of b.entries()) b2[Math.floor(place / before) * rank + (place % before)] = value
      return { a: padded, b: b2 }
    },
    rank,
  )
}

/** Every other module of the one, the rest of the other. */
export function spliced(one: Adapter, other: Adapter): Adapter {
  const rest = [...other.modules.values()]
  return mapPairs(one, (pair, part) => (part % 2 === 0 ? pair : (rest[part] ?? pair)))
}
