// How the positions of a cache were computed: in which kernel family, in which stretches. Computed so again, they give the same
// bits; so a path is what a replay follows, and what an answer that goes on later needs beside its tokens.

import { PREFILL_CHUNK, type StepFamily } from '../model/shard.ts'

/** Tokens that ran together, each prefill cut into chunks from its own beginning. */
export interface Stretch {
  readonly family: StepFamily
  readonly tokens: readonly number[]
}

/** A path without its tokens. */
export interface StretchLength {
  readonly family: StepFamily
  readonly tokens: number
}

export const lengthOf = (path: readonly Stretch[]) => path.reduce((sum, { tokens }) => sum + tokens.length, 0)

export const lengthsOf = (path: readonly Stretch[]): StretchLength[] =>
  path.map(({ family, tokens }) => ({ family, tokens: tokens.length }))

/** Decoded tokens adjoin in one stretch; each prefill keeps its own chunks. */
export function joined(path: readonly Stretch[], step: Stretch): readonly Stretch[] {
  const last = path.at(-1)
  if (step.tokens.length === 0) return path
  if (step.family === 'prefill' || last?.family !== 'decode') return [...path, step]
  return [...path.slice(0, -1), { family: 'decode', tokens: [...last.tokens, ...step.tokens] }]
}

/**
 * What of `path` a prompt can go on from: its longest common beginning, but never the whole prompt, whose last token has yet
 * to give logits, and never a part of a prefill chunk, which would have to be replayed as it was.
 */
export function sharedWith(path: readonly Stretch[], prompt: readonly number[]): Stretch[] {
  const shared: Stretch[] = []
  let at = 0
  for (const { family, tokens } of path) {
    const most = Math.min(tokens.length, prompt.length - 1 - at)
    let same = 0
    while (same < most && tokens[same] === prompt[at + same]) same++
    if (family === 'prefill' && same < tokens.length) same -= same % PREFILL_CHUNK
    if (same > 0) shared.push({ family, tokens: tokens.slice(0, same) })
    if (same < tokens.length) break
    at += same
  }
  return shared
}

/** The path of `prompt` and the `tokens` after it, as it was told; as one prefill where it was not, or cannot be of them. */
export function pathOf(
  prompt: readonly number[],
  tokens: readonly number[],
  told: readonly StretchLength[] = [],
): readonly Stretch[] {
  let at = 0
  let path: readonly Stretch[] = []
  for (const { family, tokens: length } of told) {
    path = joined(path, { family, tokens: prompt.slice(at, at + length) })
    at += length
  }
  if (at !== prompt.length) path = [{ family: 'prefill', tokens: prompt }]
  return joined(path, { family: 'decode', tokens })
}

/** What of `path` was computed just as `wanted` was, its last token never. */
export function sharedPath(path: readonly Stretch[], wanted: readonly Stretch[]): Stretch[] {
  const shared: Stretch[] = []
  let left = lengthOf(wanted) - 1
  for (const [index, { family, tokens }] of wanted.entries()) {
    const known = path[index]
    if (known?.family !== family) break
    const most = Math.min(tokens.length, known.tokens.length, left)
    let same = 0
    while (same < most && tokens[same] === known.tokens[same]) same++
    const whole = same === tokens.length && same === known.tokens.length
    if (family === 'prefill' && !whole) same -= same % PREFILL_CHUNK
    if (same > 0) shared.push({ family, tokens: tokens.slice(0, same) })
    if (same < tokens.length || same < known.tokens.length) break
    left -= same
  }
  return shared
}

/** Its first `length` positions. */
export function cutTo(path: readonly Stretch[], length: number): Stretch[] {
  let at = 0
  return path.flatMap(({ family, tokens }) => {
    const kept = tokens.slice(0, Math.max(0, length - at))
    at += tokens.length
    return kept.length > 0 ? [{ family, tokens: kept }] : []
  })
}

/** All after its first `length` positions. */
export function restFrom(path: readonly Stretch[], length: number): Stretch[] {
  let at = 0
  return path.flatMap(({ family, tokens }) => {
    const rest = tokens.slice(Math.max(0, length - at))
    at += tokens.length
    return rest.length > 0 ? [{ family, tokens: rest }] : []
  })
}
