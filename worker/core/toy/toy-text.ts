// The built-in model's text: made plain, split by whole documents, cut into windows of its context.

import { utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'
import { drawOrder } from '#core/training/random-streams.ts'
import { CONTEXT } from '#core/toy/toy-model.ts'

export interface ToyDocument {
  /** The file's name; decides whether it is held out. */
  readonly name: string
  readonly text: string
}

export interface SplitText {
  readonly train: Uint8Array
  readonly heldOut: Uint8Array
  /** Documents trained on, and held out. */
  readonly documents: readonly [number, number]
}

const HELD_OUT = 0.05

/** What NFKD leaves without an ASCII form: dashes, curly quotes and ligatures. */
const PLAIN: Readonly<Record<string, string>> = {
  '—': '--',
  '–': '-',
  '‑': '-',
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  œ: 'oe',
  Œ: 'Oe',
  æ: 'ae',
  Æ: 'Ae',
}

/** Plain ASCII, single spaces, paragraphs kept. Accents lose their marks; what has no ASCII form is dropped. */
export function cleanText(text: string): string {
  const plain = text
    .replaceAll(/[—–‑‘’“”œŒæÆ]/gu, (character) => PLAIN[character] ?? '')
    .normalize('NFKD')
    .replaceAll(/[^\x00-\x7f]/gu, '')
  return plain
    .replaceAll('\r', '')
    .split('\n')
    .map((paragraph) => splitAtSpace(paragraph).join(' '))
    .filter((paragraph) => paragraph !== '')
    .join('\n\n')
}

/** White space of ASCII, the separators 28 to 31 among it. */
const splitAtSpace = (text: string): string[] => text.split(/[\s\x1c-\x1f]+/u).filter((word) => word !== '')

/** Whether a document is never trained on: one in twenty, by a hash of its name. */
export function isHeldOut(seed: number, corpus: string, name: string): boolean {
  const digest = sha256(utf8(`${seed}/${corpus}/${name}`))
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0) / 2 ** 32 < HELD_OUT
}

/** Cleans the documents, in order of their names, and joins those of each side by an empty line. */
export function splitDocuments(seed: number, corpus: string, documents: readonly ToyDocument[]): SplitText {
  const sides: [string[], string[]] = [[], []]
  const ordered = [...documents].sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const { name, text } of ordered) sides[isHeldOut(seed, corpus, name) ? 1 : 0].push(cleanText(text))
  const [train, heldOut] = sides
  return {
    train: utf8(train.join('\n\n')),
    heldOut: utf8(heldOut.join('\n\n')),
    documents: [train.length, heldOut.length],
  }
}

/** Windows of `CONTEXT` predictions that do not overlap; what is left at the end is dropped. */
export function cutWindows(text: Uint8Array): PackedSequence[] {
  return Array.from({ length: windowsIn(text) }, (_, index) => windowAt(text, index))
}

/** `count` windows in seeded order, `part` telling texts apart. Each comes once before any comes twice. */
export function drawWindows(text: Uint8Array, count: number, seed: number, part: number): PackedSequence[] {
  const windows = windowsIn(text)
  const drawn: PackedSequence[] = []
  for (let round = 0; drawn.length < count; round++) {
    const order = drawOrder(seed, windows, 2 ** 16 * (part + 1) + round)
    for (const index of order.subarray(0, count - drawn.length)) drawn.push(windowAt(text, index))
  }
  return drawn
}

const windowsIn = (text: Uint8Array): number => Math.floor((text.length - 1) / CONTEXT)

function windowAt(text: Uint8Array, index: number): PackedSequence {
  const from = index * CONTEXT
  return {
    tokens: Uint32Array.from(text.subarray(from, from + CONTEXT)),
    targets: Uint32Array.from(text.subarray(from + 1, from + CONTEXT + 1)),
    starts: new Uint32Array(CONTEXT),
    counted: CONTEXT,
  }
}
