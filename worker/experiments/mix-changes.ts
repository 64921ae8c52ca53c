// A peer's change mixed into one's own, as the published system does it: factor by factor, matrix by matrix. Of adapters that
// is not the mix of what they do to the model; the exact ways are arms of their own.

import { CentramError } from '#core/errors.ts'
import type { MixExchange } from '#core/experiments/experiment.ts'
import { SLERP } from '#core/merge/operators/slerp.ts'
import type { Change, Weights } from '../train/learner.ts'

type Floats = Float32Array<ArrayBuffer>
type Mix = (own: Floats, peer: Floats) => Floats

/** @param base all weights of the base model, which full changes are told from. */
export function mixChanges(
  own: Change,
  peer: Change,
  { operator, peerWeight }: Pick<MixExchange, 'operator' | 'peerWeight'>,
  base: Weights | null,
): Change {
  const mix: Mix = (x, y) => (operator === 'slerp' ? turn(x, y, peerWeight) : interpolate(x, y, peerWeight))
  if (own.kind === 'lora' && peer.kind === 'lora') {
    const modules = [...own.adapter.modules].map(([name, { a, b }]) => {
      const other = peer.adapter.modules.get(name)
      if (!other || other.a.length !== a.length || other.b.length !== b.length) throw unlike()
      return [name, { a: mix(a, other.a), b: mix(b, other.b) }] as const
    })
    return { ...own, adapter: { lora: own.adapter.lora, modules: new Map(modules) } }
  }
  if (own.kind !== 'full' || peer.kind !== 'full' || base === null) throw unlike()
  const weights = [...own.weights].map(([name, values]) => {
    const [other, origin] = [peer.weights.get(name), base.get(name)]
    if (other?.length !== values.length || origin?.length !== values.length) throw unlike()
    const delta = mix(
      values.map((value, i) => value - origin[i]!),
      other.map((value, i) => value - origin[i]!),
    )
    return [name, delta.map((value, i) => origin[i]! + value)] as const
  })
  return { kind: 'full', weights: new Map(weights) }
}

const interpolate = (own: Floats, peer: Floats, weight: number): Floats =>
  own.map((value, i) => (1 - weight) * value + weight * peer[i]!)

function turn(own: Floats, peer: Floats, weight: number): Floats {
  const group = { name: '', shape: [own.length], base: own, parents: [peer] }
  return new Float32Array(SLERP.merge(group, { shared: { t: weight }, parent: {} }, 0))
}

const unlike = () =>
  new CentramError('INTERNAL', 'Two nodes of the experiment hold changes that do not fit each other.')
