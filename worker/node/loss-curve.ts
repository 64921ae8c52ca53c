// A curve that is drawn while it grows: thinned out evenly, so that a long run keeps as many points as a short one.

import type { LossPoint } from './lab-api.ts'

/** Of a curve, at most. */
const MOST_POINTS = 300

/** With `point` at its end; of the others, those on a grid of steps that widens as the run goes on. */
export function addPoint(curve: readonly LossPoint[], point: LossPoint): readonly LossPoint[] {
  let stride = 1
  while (point.step / stride > MOST_POINTS - 2) stride *= 2
  return [...curve.filter(({ step }) => step % stride === 0), point]
}

/** Up to `step`: where a run goes on from there. */
export function curveUpTo(curve: readonly LossPoint[], step: number): readonly LossPoint[] {
  return curve.filter((point) => point.step <= step)
}
