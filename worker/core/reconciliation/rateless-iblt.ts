// Set reconciliation by a rateless IBLT, as two sides that exchange frames: who begins asks for symbols until it can tell the
// difference, estimates from their counts how many that takes, and asks for the ids of the names that it lacks.

import { utf8 } from '../crypto/bytes.ts'
import { sha256 } from '../crypto/hash.ts'
import { CentramError } from '../errors.ts'
import { createSymbolStream } from './coded-symbols.ts'
import type { Comparison, ComparisonOptions, ComparisonResult } from './comparison.ts'
import { malformed } from './frame-bytes.ts'
import { ID_BYTES, type ItemSet } from './item-set.ts'
import { indexNames, type NameIndex } from './name-index.ts'
import { hashIds, ID_WORDS } from './siphash.ts'
import { createSymbolDecoder } from './symbol-decoder.ts'
import {
  MAX_IDS_A_FRAME,
  MAX_SYMBOLS_A_FRAME,
  readIds,
  readRequest,
  readSymbols,
  writeIds,
  writeRequest,
  writeSymbols,
} from './symbol-message.ts'

/** In the first request, where nothing is known of the difference: enough to tell how large it is to a fifth. */
const FIRST_SYMBOLS = 64
/** Symbols that are usually enough for each name of a large difference, and by which share more are asked for. */
const SYMBOLS_A_NAME = 1.4
const MORE_SYMBOLS = 1 / 12
/** Where it takes more than these, ranges do better. */
const MAX_SYMBOLS = 2 ** 16
/** True symbols are enough long before there are so many for each name, beside the first ones. */
const HOPELESS = 4

export function createSymbolComparison({ set, recon, expected = null }: ComparisonOptions): Comparison {
  const key = keyOf(recon)
  const words = set.copyIds()
  const names = hashIds(key, words)
  const decoder = createSymbolDecoder(names, indexNames(names))
  const need: Uint8Array[] = []
  let asked = 0
  let decoded = false
  let retry: ComparisonResult['retry'] = null

  const askForSymbols = (count: number): Uint8Array<ArrayBuffer> => {
    asked = Math.min(Math.max(8, Math.ceil(count)), MAX_SYMBOLS_A_FRAME, MAX_SYMBOLS - decoder.size)
    return writeRequest({ symbols: asked })
  }
  const askForIds = (): Uint8Array<ArrayBuffer> | null => {
    const missing = decoder.need.slice(need.length, need.length + MAX_IDS_A_FRAME)
    asked = missing.length
    return asked === 0 ? null : writeRequest({ names: missing })
  }

  return {
    open: () => askForSymbols(expected === null ? FIRST_SYMBOLS : SYMBOLS_A_NAME * expected + FIRST_SYMBOLS / 2),
    receive(frame) {
      if (decoded) {
        const ids = readIds(frame, asked)
        const hashes = hashIds(key, wordsOf(ids))
        decoder.need.slice(need.length, need.length + asked).forEach(({ low, high }, i) => {
          if (hashes[2 * i] !== low || hashes[2 * i + 1] !== high) throw malformed('an id has another name')
          need.push(ids.slice(i * ID_BYTES, (i + 1) * ID_BYTES))
        })
        return askForIds()
      }
      const state = decoder.add(readSymbols(frame, decoder.size, asked))
      if (state === 'done') {
        decoded = true
        return askForIds()
      }
      const difference = decoder.estimate()
      const wanted = SYMBOLS_A_NAME * difference
      const hopeless = decoder.size >= Math.min(MAX_SYMBOLS, 2 * FIRST_SYMBOLS + HOPELESS * difference)
      if (state === 'more' && wanted <= MAX_SYMBOLS && !hopeless) {
        return askForSymbols(Math.max(wanted - decoder.size, MORE_SYMBOLS * decoder.size))
      }
      retry = { method: 'negentropy', expected: null, maySwitch: false }
      return null
    },
    result: () => ({
      have: decoded ? decoder.have.map((index) => idOf(words, index)) : [],
      need,
      complete: decoded && need.length === decoder.need.length,
      retry,
    }),
  }
}

/** The side that answers. */
export function answerSymbols(set: ItemSet, recon: Uint8Array): (frame: Uint8Array) => Uint8Array<ArrayBuffer> {
  const words = set.copyIds()
  const size = set.size
  const names = hashIds(keyOf(recon), words)
  const stream = createSymbolStream(names)
  let index: NameIndex | null = null
  let sent = 0
  return (frame) => {
    const request = readRequest(frame)
    if ('symbols' in request) {
      if (sent + request.symbols > MAX_SYMBOLS) {
        throw new CentramError('NO_CAPACITY', 'Two sets differ too much to be compared by coded symbols.')
      }
      const answer = writeSymbols(stream.next(request.symbols), sent, size)
      sent += request.symbols
      return answer
    }
    const find = (index ??= indexNames(names))
    return writeIds(
      request.names.map(({ low, high }) => {
        const item = find(low, high)
        if (item === null) throw malformed('it asks for an id that is not here')
        return idOf(words, item)
      }),
    )
  }
}

function keyOf(recon: Uint8Array): Uint8Array {
  return sha256(utf8('centram riblt 1'), recon).subarray(0, 16)
}

function idOf(words: Uint32Array, item: number): Uint8Array {
  const id = new Uint8Array(ID_BYTES)
  const view = new DataView(id.buffer)
  for (let word = 0; word < ID_WORDS; word++) view.setUint32(4 * word, words[item * ID_WORDS + word] as number, true)
  return id
}

function wordsOf(ids: Uint8Array): Uint32Array {
  const view = new DataView(ids.buffer, ids.byteOffset, ids.length)
  return Uint32Array.from({ length: ids.length / 4 }, (_, word) => view.getUint32(4 * word, true))
}
