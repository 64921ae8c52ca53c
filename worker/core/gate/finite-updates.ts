// Which updates can be reckoned with: those whose every value, and every product on the way to ΔW, is a finite f32.

import type { AdapterUpdates, KnownAdapter } from '#core/gate/layer.ts'
import type { LowRankUpdate } from '#core/merge/low-rank.ts'

/** The largest finite f32. */
const LARGEST = 3.4028234663852886e38

/** Whether ΔW stays finite in f32, whichever way it is added up. */
export function staysFinite({ a, b, rank, scale }: LowRankUpdate): boolean {
  const [largestA, largestB] = [largestOf(a), largestOf(b)]
  return Number.isFinite(scale) && Math.max(1, Math.abs(scale)) * largestA * largestB * rank <= LARGEST
}

/** ΔW of another adapter; null where it cannot be read or reckoned with: what was refused must not spoil the next judgement. */
export async function usableUpdates(adapter: Pick<KnownAdapter, 'updates'>): Promise<AdapterUpdates | null> {
  try {
    const updates = await adapter.updates()
    return [...updates.values()].every(staysFinite) ? updates : null
  } catch {
    return null
  }
}

/** NaN where one is among them. */
function largestOf(values: Float32Array): number {
  let largest = 0
  for (const value of values) {
    // A comparison with NaN is false, and would leave it out.
    if (!Number.isFinite(value)) return NaN
    largest = Math.max(largest, Math.abs(value))
  }
  return largest
}
