// What a run has found so far: one cell a seed and arm, with the held-out losses that all measures follow from.

import { z } from 'zod/mini'
import { DOMAINS } from '#core/experiments/texts.ts'

const loss = z.number().check(z.gte(0), z.lte(1000))
const losses = z.partialRecord(z.enum(DOMAINS), loss)

const cellSchema = z.strictObject({
  arm: z.string(),
  seed: z.int(),
  /** Of the base, in nats a token, by domain. */
  base: losses,
  /** At the end, one for each node; one in all for the joint arm. */
  nodes: z.array(z.strictObject({ name: z.string(), own: z.enum(DOMAINS), losses })),
  offers: z.int().check(z.gte(0)),
  accepted: z.int().check(z.gte(0)),
  /** Of nodes that offer something bad; the figures above are of the others. */
  planted: z.optional(z.strictObject({ offers: z.int().check(z.gte(0)), accepted: z.int().check(z.gte(0)) })),
  /** After each round: mean training loss of the nodes' steps. */
  training: z.array(loss),
})

export type Losses = Readonly<z.infer<typeof losses>>
export type Cell = z.infer<typeof cellSchema>

export const cellsSchema = z.array(cellSchema).check(z.maxLength(50 * 16))

/** Loss before less loss after, over the nodes of one cell: above zero is better. */
export interface Deltas {
  /** On the domain that a node read most of. */
  readonly own: number
  /** On all domains alike. */
  readonly generalist: number
  /** On those that a node did not read, or read less of; null where there is one domain only. */
  readonly cross: number | null
}

export function deltasOf({ base, nodes }: Cell): Deltas {
  const domains = DOMAINS.filter((domain) => base[domain] !== undefined)
  const gain = (after: Losses, domain: (typeof DOMAINS)[number]) => (base[domain] ?? NaN) - (after[domain] ?? NaN)
  const own = mean(nodes.map((node) => gain(node.losses, node.own)))
  const generalist = mean(nodes.map((node) => mean(domains.map((domain) => gain(node.losses, domain)))))
  const others = nodes.flatMap((node) => {
    const rest = domains.filter((domain) => domain !== node.own)
    return rest.length === 0 ? [] : [mean(rest.map((domain) => gain(node.losses, domain)))]
  })
  return { own, generalist, cross: others.length === 0 ? null : mean(others) }
}

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
