// The texts that experiments are made with: one domain each, in three parts that share no document. Nodes train on the first,
// gates decide on the second, and the third is looked at by measures alone.

import { z } from 'zod/mini'
import { utf8 } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import { cutWindows } from '#core/toy/toy-text.ts'
import type { PackedSequence } from '#core/training/pack-sequences.ts'

export const DOMAINS = ['novel', 'countries', 'definitions', 'speeches-1865', 'speeches-1913', 'speeches-1966'] as const
export type Domain = (typeof DOMAINS)[number]

/** ASCII: one byte a character, as the built-in model reads it. */
const part = z.string().check(z.minLength(1024), z.maxLength(1_048_576))
const schema = z.object({
  domain: z.enum(DOMAINS),
  title: z.string().check(z.maxLength(200)),
  licence: z.string().check(z.maxLength(200)),
  source: z.string().check(z.maxLength(400)),
  train: part,
  probe: part,
  heldOut: part,
})

/** As it lies in `texts/` beside the page. */
export type DomainText = z.infer<typeof schema>

/** The three parts as windows of the built-in model's context. */
export interface DomainWindows {
  readonly train: readonly PackedSequence[]
  readonly probe: readonly PackedSequence[]
  readonly heldOut: readonly PackedSequence[]
}

/** Where a domain's text lies, beside the page. */
export const textPath = (domain: Domain): string => `texts/${domain}.json`

/** Throws `FORMAT_INVALID`. */
export function parseDomainText(domain: Domain, bytes: Uint8Array): DomainText {
  try {
    const text = schema.parse(JSON.parse(new TextDecoder().decode(bytes)))
    if (text.domain === domain) return text
  } catch (cause) {
    throw new CentramError('FORMAT_INVALID', `${textPath(domain)} is no text of an experiment. Fetch the page anew.`, {
      cause,
    })
  }
  throw new CentramError('FORMAT_INVALID', `${textPath(domain)} holds another text. Fetch the page anew.`)
}

export function windowsOf({ train, probe, heldOut }: DomainText): DomainWindows {
  return {
    train: cutWindows(utf8(train)),
    probe: cutWindows(utf8(probe)),
    heldOut: cutWindows(utf8(heldOut)),
  }
}
