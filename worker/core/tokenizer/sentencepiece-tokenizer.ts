// SentencePiece BPE as the Llama 2 family has it: pieces with scores, a space written as U+2581, and bytes for what no
// piece holds. Merging is by score, ties to the left (sentencepiece, bpe_model.cc; llama.cpp does the same).

import { CentramError } from '#core/errors.ts'
import { decodeTokens } from '#core/tokenizer/decode.ts'
import { createMergeQueue } from '#core/tokenizer/merge-queue.ts'
import { splitAtEntries } from '#core/tokenizer/split-entries.ts'
import { isTokenType } from '#core/tokenizer/token-types.ts'
import type { Tokenizer, TokenizerSpec } from '#core/tokenizer/tokenizer.ts'
import { wellFormed } from '#core/tokenizer/well-formed.ts'

type GgufSpec = Extract<TokenizerSpec, { kind: 'gguf' }>

const SPACE = '\u2581'
const BYTE_ENTRY = /^<0x([0-9A-Fa-f]{2})>$/
const NO_BYTES = new Uint8Array(0)
const NO_ENTRIES: ReadonlyMap<string, number> = new Map()

export function createSentencePieceTokenizer(spec: GgufSpec): Tokenizer {
  const { tokens, types, scores } = spec
  if (scores === undefined)
    throw new CentramError('FORMAT_INVALID', 'The tokenizer has no scores. Fetch the model again.')
  const utf8 = new TextEncoder()

  const pieces = new Map<string, number>()
  const byteTokens = new Map<number, number>()
  const special = new Map<string, number>()
  const userDefined = new Map<string, number>()
  let unknown: number | undefined
  tokens.forEach((content, id) => {
    const type = types[id] ?? 0
    if (isTokenType(type, 'byte')) {
      const hex = BYTE_ENTRY.exec(content)?.[1]
      if (hex !== undefined) byteTokens.set(Number.parseInt(hex, 16), id)
    } else if (isTokenType(type, 'unknown')) unknown ??= id
    else if (content === '') return
    else if (isTokenType(type, 'control')) setFirst(special, content, id)
    else {
      if (isTokenType(type, 'userDefined')) setFirst(userDefined, content, id)
      if (!isTokenType(type, 'unused')) setFirst(pieces, content, id)
    }
  })

  const mergePieces = (text: string): number[] => {
    const queue = createMergeQueue(Array.from(text), (merged) => {
      const id = pieces.get(merged)
      return id === undefined ? undefined : (scores[id] ?? 0)
    })
    return queue.mergeAll().flatMap((piece) => {
      const id = pieces.get(piece)
      if (id !== undefined) return [id]
      const bytes = Array.from(utf8.encode(piece), (byte) => byteTokens.get(byte) ?? unknown)
      return bytes.filter((token) => token !== undefined)
    })
  }

  const encode: Tokenizer['encode'] = (text, options) => {
    const readSpecial = options?.special ?? true
    const ids: number[] = []
    if (readSpecial && spec.addBos && spec.bos !== undefined) ids.push(spec.bos)
    for (const section of splitAtEntries(wellFormed(text), readSpecial ? special : NO_ENTRIES)) {
      if (typeof section === 'number') {
        // A template that writes the leading token itself does not get it twice.
        if (!(ids.length === 1 && section === spec.bos && ids[0] === section)) ids.push(section)
        continue
      }
      // The space before the first word comes back after every control token, as llama.cpp has it.
      for (const part of splitAtEntries(spec.addSpacePrefix ? ` ${section}` : section, userDefined)) {
        ids.push(...(typeof part === 'number' ? [part] : mergePieces(part.replaceAll(' ', SPACE))))
      }
    }
    return ids
  }

  const tokenBytes = (id: number): Uint8Array => {
    const content = tokens[id]
    const type = types[id] ?? 0
    if (content === undefined || isTokenType(type, 'control') || isTokenType(type, 'unknown')) return NO_BYTES
    if (isTokenType(type, 'unused')) return NO_BYTES
    const hex = isTokenType(type, 'byte') ? BYTE_ENTRY.exec(content)?.[1] : undefined
    return hex === undefined ? utf8.encode(content.replaceAll(SPACE, ' ')) : Uint8Array.of(Number.parseInt(hex, 16))
  }

  return {
    vocabularySize: tokens.length,
    endTokens: new Set(spec.eos === undefined ? spec.ends : [spec.eos, ...spec.ends]),
    encode,
    tokenBytes,
    decode: (ids) => decodeTokens(tokenBytes, ids),
  }
}

function setFirst(map: Map<string, number>, key: string, id: number): void {
  if (!map.has(key)) map.set(key, id)
}
