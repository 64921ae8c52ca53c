// The texts of the nodes in the attack suite: three kinds that the toy was not trained on, from files that every checkout has
// once its packages are installed, each cut into what nodes train on and what they keep to judge by.

import { readFile } from 'node:fs/promises'
import { utf8 } from '#core/crypto/bytes.ts'
import { cleanText } from '#core/toy/toy-text.ts'

export const DOMAINS = ['law', 'code', 'docs'] as const
export type Domain = (typeof DOMAINS)[number]

export interface DomainText {
  readonly train: Uint8Array
  readonly heldOut: Uint8Array
}

const FILES: Readonly<Record<Domain, readonly string[]>> = {
  law: ['LICENSE'],
  code: ['node_modules/typescript/lib/lib.es5.d.ts'],
  docs: ['ajv', 'cborg', 'enhanced-resolve', 'fast-check', 'tapable'].map((name) => `node_modules/${name}/README.md`),
}
/** What the toy writes by itself: general text, made by test/vectors/gate/make.ts. */
export const PROSE_FILE = new URL('../vectors/gate/prose.bin', import.meta.url)
export const PROSE_WINDOWS = 32

const ROOT = new URL('../../', import.meta.url)
/** Enough for all, and no kind has ten times what another has. */
const MOST_BYTES = 150_000
const HELD_OUT = 0.25

export async function readTexts(): Promise<Readonly<Record<Domain, DomainText>>> {
  const texts = await Promise.all(
    DOMAINS.map(async (domain): Promise<[Domain, DomainText]> => {
      const files = await Promise.all(FILES[domain].map((path) => readFile(new URL(path, ROOT), 'utf8')))
      const bytes = utf8(files.map(cleanText).join('\n\n')).subarray(0, MOST_BYTES)
      const cut = Math.floor(bytes.length * (1 - HELD_OUT))
      return [domain, { train: bytes.subarray(0, cut), heldOut: bytes.subarray(cut) }]
    }),
  )
  return Object.fromEntries(texts) as Record<Domain, DomainText>
}

/** Words of at least five letters that stand in the text again and again, the most frequent first. */
export function frequentWords(text: Uint8Array): string[] {
  const counts = new Map<string, number>()
  for (const [word] of new TextDecoder().decode(text).matchAll(/[A-Za-z]{5,}/gu)) {
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .filter(([, count]) => count >= 8)
    .map(([word]) => word)
}
