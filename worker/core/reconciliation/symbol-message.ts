// The messages of the rateless IBLT. Who begins asks for so many of the next symbols, and at the end for the ids that belong to
// the names it lacks; who answers sends them. The paper prescribes no bytes; these are ours. Each count is written as what it
// differs from its expectation, which takes about one byte.

import { expectedCount, SUM_WORDS, type Symbols } from './coded-symbols.ts'
import { malformed, MAX_FRAME, readFrame, writeFrame } from './frame-bytes.ts'
import { ID_BYTES } from './item-set.ts'
import type { Name } from './symbol-decoder.ts'

const WANT_SYMBOLS = 0x71
const SYMBOLS = 0x72
const WANT_IDS = 0x73
const IDS = 0x74
const SUM_BYTES = 4 * SUM_WORDS
const NAME_BYTES = 8
/** With counts of three bytes, which they hardly ever have, and the head of a frame. */
export const MAX_SYMBOLS_A_FRAME = Math.floor((MAX_FRAME - 16) / (SUM_BYTES + 3))
export const MAX_IDS_A_FRAME = Math.floor((MAX_FRAME - 16) / ID_BYTES)
/** Counts are kept in 32 bits. */
const MAX_SIZE = 2 ** 30

export type SymbolRequest = { readonly symbols: number } | { readonly names: readonly Name[] }

export function writeRequest(request: SymbolRequest): Uint8Array<ArrayBuffer> {
  const writer = writeFrame()
  if ('symbols' in request) {
    writer.byte(WANT_SYMBOLS)
    writer.varint(request.symbols)
    return writer.finish()
  }
  writer.byte(WANT_IDS)
  const bytes = new Uint8Array(NAME_BYTES)
  const view = new DataView(bytes.buffer)
  for (const { low, high } of request.names) {
    view.setUint32(0, low, true)
    view.setUint32(4, high, true)
    writer.bytes(bytes)
  }
  return writer.finish()
}

export function readRequest(frame: Uint8Array): SymbolRequest {
  const reader = readFrame(frame)
  const kind = reader.byte()
  if (kind === WANT_SYMBOLS) {
    const symbols = reader.varint()
    if (symbols < 1 || symbols > MAX_SYMBOLS_A_FRAME || reader.left > 0) throw malformed('it asks for too many symbols')
    return { symbols }
  }
  if (kind !== WANT_IDS) throw malformed('it asks for what nobody knows')
  if (reader.left > MAX_IDS_A_FRAME * NAME_BYTES) throw malformed('it asks for too many ids')
  const names: Name[] = []
  while (reader.left > 0) {
    const bytes = reader.bytes(NAME_BYTES)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    names.push({ low: view.getUint32(0, true), high: view.getUint32(4, true) })
  }
  return { names }
}

/** Symbols from the one numbered `from` on, of a set of `size` items. */
export function writeSymbols({ sums, counts }: Symbols, from: number, size: number): Uint8Array<ArrayBuffer> {
  const writer = writeFrame()
  writer.byte(SYMBOLS)
  writer.varint(size)
  const bytes = new Uint8Array(SUM_BYTES)
  const view = new DataView(bytes.buffer)
  counts.forEach((count, symbol) => {
    for (let word = 0; word < SUM_WORDS; word++) {
      view.setUint32(4 * word, sums[symbol * SUM_WORDS + word] as number, true)
    }
    writer.bytes(bytes)
    const unexpected = count - expectedCount(size, from + symbol)
    writer.varint(unexpected < 0 ? -2 * unexpected - 1 : 2 * unexpected)
  })
  return writer.finish()
}

/** No more than `most` symbols, the first of which is the one numbered `from`. */
export function readSymbols(frame: Uint8Array, from: number, most: number): Symbols {
  const reader = readFrame(frame)
  if (reader.byte() !== SYMBOLS) throw malformed('it holds no symbols')
  const size = reader.varint()
  if (size >= MAX_SIZE) throw malformed('it is of a set that is too large')
  const sums = new Uint32Array(most * SUM_WORDS)
  const counts = new Int32Array(most)
  let read = 0
  for (; reader.left > 0; read++) {
    if (read === most) throw malformed('it holds more symbols than were asked for')
    const bytes = reader.bytes(SUM_BYTES)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    for (let word = 0; word < SUM_WORDS; word++) sums[read * SUM_WORDS + word] = view.getUint32(4 * word, true)
    const coded = reader.varint()
    const count = expectedCount(size, from + read) + (coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2)
    if (count < 0 || count > size) throw malformed('a symbol counts what cannot be')
    counts[read] = count
  }
  if (read === 0) throw malformed('it holds no symbols')
  return { sums: sums.subarray(0, read * SUM_WORDS), counts: counts.subarray(0, read) }
}

export function writeIds(ids: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const writer = writeFrame()
  writer.byte(IDS)
  for (const id of ids) writer.bytes(id)
  return writer.finish()
}

/** All `count` ids that were asked for, one after the other. */
export function readIds(frame: Uint8Array, count: number): Uint8Array {
  const reader = readFrame(frame)
  if (reader.byte() !== IDS || reader.left !== count * ID_BYTES)
    throw malformed('it holds other ids than were asked for')
  return reader.bytes(count * ID_BYTES)
}
