// Scales and ticks of a chart: from data to pixels, and the round figures between.

/** Round steps of 1, 2 or 5 times a power of ten, about `wanted` of them, inside `[low, high]`. */
export function roundTicks(low: number, high: number, wanted: number): readonly number[] {
  const span = high - low
  if (!(span > 0) || !Number.isFinite(span)) return [low]
  const rough = span / Math.max(1, wanted)
  const power = 10 ** Math.floor(Math.log10(rough))
  // Nearest by ratio: the bounds are the geometric means of neighbouring steps.
  const factor = [1, 2, 5, 10].findLast(
    (step, index, steps) => rough / power >= Math.sqrt(step * (steps[index - 1] ?? 0)),
  )
  const step = (factor ?? 1) * power
  const first = Math.ceil(low / step - 1e-9)
  const last = Math.floor(high / step + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, index) => roundTo((first + index) * step, step))
}

/** Bounds around all values, widened to round figures, never of no height. */
export function roundBounds(values: readonly number[]): { readonly low: number; readonly high: number } {
  const least = Math.min(...values)
  const most = Math.max(...values)
  if (!Number.isFinite(least) || !Number.isFinite(most)) return { low: 0, high: 1 }
  const margin = most > least ? (most - least) * 0.08 : Math.max(Math.abs(most) * 0.1, 0.1)
  return { low: Math.max(0, least - margin), high: most + margin }
}

/** Without the dust of binary fractions. */
function roundTo(value: number, step: number): number {
  const digits = Math.max(0, -Math.floor(Math.log10(step)))
  return Number(value.toFixed(Math.min(digits, 20)))
}
