// The golden ids under test/vectors/tokenizers, as specs and texts.

import { readFileSync } from 'node:fs'
import type { TokenizerSpec } from '#core/tokenizer/tokenizer.ts'

const FOLDER = new URL('../../vectors/tokenizers/', import.meta.url)

export function readVector(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as Record<string, unknown>
}

export const TEXTS = JSON.parse(readFileSync(new URL('texts.json', FOLDER), 'utf8')) as string[]

export interface GoldenIds {
  readonly spec: TokenizerSpec
  readonly ids: number[][]
}

const CONTROL = 3

export function byteLevelGolden(pre: string): GoldenIds {
  const vector = readVector(`bpe-${pre}`) as { tokens: string[]; merges: string[]; ids: number[][] }
  return { spec: byteLevelSpec(pre, vector.tokens, vector.merges, 3), ids: vector.ids }
}

/** The real SmolLM2 vocabulary: special tokens, the byte alphabet, and every merge in order. */
export function smollm2Golden(): GoldenIds {
  const vector = readVector('smollm2') as { special: string[]; alphabet: string[]; ids: number[][] }
  const bytes = readFileSync(new URL('smollm2-merges.u16', FOLDER))
  const tokens = [...vector.special, ...vector.alphabet]
  const merges: string[] = []
  for (let at = 0; at < bytes.length; at += 4) {
    const left = tokens[bytes.readUInt16LE(at)] ?? ''
    const right = tokens[bytes.readUInt16LE(at + 2)] ?? ''
    merges.push(`${left} ${right}`)
    tokens.push(left + right)
  }
  return { spec: byteLevelSpec('smollm', tokens, merges, vector.special.length), ids: vector.ids }
}

function byteLevelSpec(pre: string, tokens: string[], merges: string[], specials: number): TokenizerSpec {
  return {
    kind: 'gguf',
    model: 'gpt2',
    pre,
    tokens,
    types: Int32Array.from(tokens, (_, id) => (id < specials ? CONTROL : 1)),
    merges,
    bos: 1,
    eos: 2,
    ends: [0],
    addBos: false,
    addEos: false,
    addSpacePrefix: false,
  }
}

export function sentencePieceGolden(): GoldenIds {
  const vector = readVector('sentencepiece') as {
    tokens: string[]
    scores: number[]
    types: number[]
    bos: number
    eos: number
    ids: number[][]
  }
  return {
    spec: {
      kind: 'gguf',
      model: 'llama',
      pre: 'default',
      tokens: vector.tokens,
      scores: Float32Array.from(vector.scores),
      types: Int32Array.from(vector.types),
      merges: [],
      bos: vector.bos,
      eos: vector.eos,
      ends: [],
      addBos: false,
      addEos: false,
      addSpacePrefix: true,
    },
    ids: vector.ids,
  }
}

export interface HuggingFaceGolden extends GoldenIds {
  /** Ids of the first texts with the leading token. */
  readonly leading: number[][]
  readonly spec: Extract<TokenizerSpec, { kind: 'huggingface' }>
}

export function huggingFaceGolden(name: string): HuggingFaceGolden {
  const vector = readVector(`hf-${name}`) as { tokenizer: object; ids: number[][]; leading: number[][] }
  return { ...vector, spec: { kind: 'huggingface', tokenizer: vector.tokenizer, config: {}, ends: [0] } }
}
