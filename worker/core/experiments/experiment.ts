// An experiment as data: who trains on what, how, what they exchange, by what rule they take it, and what is measured. Whoever
// runs the same data with the same texts gets the same figures.

import { z } from 'zod/mini'
import { CentramError } from '#core/errors.ts'
import { DOMAINS, type Domain } from '#core/experiments/texts.ts'

const count = (least: number, most: number) => z.int().check(z.gte(least), z.lte(most))
const domain = z.enum(DOMAINS)

/** Parts of what a node reads, by domain, such as `{ "novel": 1 }`. The largest is its own domain. */
const reading = z.partialRecord(domain, z.number().check(z.gt(0), z.lte(1)))

const nodeSchema = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(40)),
  reads: reading,
  /** It learns honestly, but offers that turned round, made ten times as large, or noise of three times its size. */
  offers: z.optional(z.enum(['flipped', 'boosted', 'noise'])),
})

const trainerSchema = z.strictObject({
  /** An adapter of low rank over the frozen model, or every weight. */
  kind: z.enum(['lora', 'full']),
  rank: count(1, 64),
  alpha: z.number().check(z.gt(0), z.lte(1024)),
  freezeA: z.boolean(),
  learningRate: z.number().check(z.gt(0), z.lte(0.1)),
  /** Optimiser steps of a node between two exchanges. */
  steps: count(1, 10_000),
  /** Windows of a step. */
  batch: count(1, 256),
})

const gateSchema = z.strictObject({
  /** Whose loss must not rise for an offer to be taken: over all domains, of the node's own, or nobody's. */
  judge: z.enum(['generalist', 'own', 'none']),
  /** Nats a token that it may rise by all the same. */
  tolerance: z.number().check(z.gte(0), z.lte(1)),
  /** Windows of each domain that it decides on. */
  probes: count(1, 256),
})

/** As in DiLoCo: what all learned in a round is a step of Nesterov's momentum (Douillard et al., 2023). */
const outerSchema = z.strictObject({
  learningRate: z.number().check(z.gt(0), z.lte(10)),
  momentum: z.number().check(z.gte(0), z.lt(1)),
})

const exchangeSchema = z.discriminatedUnion('kind', [
  /** Nodes keep to themselves. */
  z.strictObject({ kind: z.literal('none') }),
  /** One node reads what all would, for as many steps as all: the ceiling. */
  z.strictObject({ kind: z.literal('joint') }),
  /** After each round every node is offered every other's change, and mixes it into its own. */
  z.strictObject({
    kind: z.literal('mix'),
    operator: z.enum(['linear', 'slerp']),
    /** Weight of the other's; the own has the rest. */
    peerWeight: z.number().check(z.gt(0), z.lte(1)),
    gate: gateSchema,
  }),
  /**
   * All nodes go on from one common change, made of what each learned. An offer is left out when most other nodes find, each on
   * probes of its own, that their loss is lower without it.
   */
  z.strictObject({
    kind: z.literal('average'),
    /**
     * `factors`: means of A and B apart (FedAvg). `core`: all share frozen B and A, and the mean is of what is trained between them
     * (Fed-SB). `svd`: the mean of ΔW, cut back to the rank. The others keep ΔW whole, merged into the common weights: its mean
     * (`exact`), by a merge operator, or with weights found on the probes (`learned`).
     */
    operator: z.enum(['factors', 'core', 'svd', 'exact', 'ties', 'dare-ties', 'slerp', 'learned']),
    /** After every round, or once after the last. */
    when: z.enum(['rounds', 'end']),
    outer: z.optional(outerSchema),
    gate: gateSchema,
  }),
])

const armSchema = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(40)),
  exchange: exchangeSchema,
  /** In place of the trainer's. */
  freezeA: z.optional(z.boolean()),
})

const schema = z.strictObject({
  version: z.literal(1),
  /** Of the published row it is a variant of, or one's own. */
  name: z.string().check(z.regex(/^[a-z0-9][a-z0-9-]{0,39}$/)),
  title: z.string().check(z.minLength(1), z.maxLength(120)),
  /** The built-in model as it is shipped, or one with the same shape and weights drawn from the seed. */
  base: z.enum(['built-in', 'random']),
  nodes: z.array(nodeSchema).check(z.minLength(1), z.maxLength(9)),
  /** Domains that are measured and probed although no node reads them. */
  measured: z.optional(z.array(domain).check(z.maxLength(DOMAINS.length))),
  trainer: trainerSchema,
  rounds: count(1, 200),
  arms: z.array(armSchema).check(z.minLength(1), z.maxLength(16)),
  seeds: z.array(z.int().check(z.gte(0), z.lte(2 ** 32 - 1))).check(z.minLength(1), z.maxLength(50)),
  /** Held-out windows of each domain that the measures are taken on. */
  heldOut: count(1, 4096),
})

export type Experiment = z.infer<typeof schema>
export type ExperimentNode = Experiment['nodes'][number]
export type TrainerSettings = Experiment['trainer']
export type Exchange = Experiment['arms'][number]['exchange']
export type MixExchange = Extract<Exchange, { kind: 'mix' }>
export type AverageExchange = Extract<Exchange, { kind: 'average' }>

/** Throws `BAD_ARGUMENT` naming what makes no sense. */
export function parseExperiment(value: unknown): Experiment {
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const where = issue?.path.join('.') ?? ''
    throw new CentramError(
      'BAD_ARGUMENT',
      `The experiment cannot run: ${where || 'it'}: ${issue?.message ?? 'invalid'}.`,
    )
  }
  const experiment = parsed.data
  const names = (list: readonly { readonly name: string }[]) => new Set(list.map(({ name }) => name)).size
  const problem =
    names(experiment.arms) !== experiment.arms.length
      ? 'two arms have one name'
      : names(experiment.nodes) !== experiment.nodes.length
        ? 'two nodes have one name'
        : new Set(experiment.seeds).size !== experiment.seeds.length
          ? 'a seed is there twice'
          : experiment.nodes.some(({ reads }) => Object.keys(reads).length === 0)
            ? 'a node reads nothing'
            : honestNodes(experiment).length === 0
              ? 'no node is honest'
              : experiment.arms.some(
                    ({ exchange }) => exchange.kind === 'average' && lacksUpdates(experiment, exchange),
                  )
                ? 'an average of factors has no outer optimiser, and takes adapters alone'
                : undefined
  if (problem !== undefined) throw new CentramError('BAD_ARGUMENT', `The experiment cannot run: ${problem}.`)
  return experiment
}

/** Averages that are adapters again; the others are merged into the weights, and each round begins with new adapters. */
export const keepsAdapters = (operator: AverageExchange['operator']): operator is 'factors' | 'core' | 'svd' =>
  operator === 'factors' || operator === 'core' || operator === 'svd'

/** Averages of adapters keep no ΔW apart, which an outer optimiser needs and a whole model is. */
const lacksUpdates = ({ trainer }: Experiment, { operator, outer }: AverageExchange): boolean =>
  keepsAdapters(operator) && (outer !== undefined || trainer.kind === 'full')

/** Those that offer what they learned; the measures are taken on them. */
export const honestNodes = ({ nodes }: Pick<Experiment, 'nodes'>): readonly ExperimentNode[] =>
  nodes.filter(({ offers }) => offers === undefined)

/** All domains that some node reads, or that are measured all the same, in the order of the catalogue. */
export function domainsOf({ nodes, measured = [] }: Pick<Experiment, 'nodes' | 'measured'>): Domain[] {
  return DOMAINS.filter((name) => measured.includes(name) || nodes.some(({ reads }) => reads[name] !== undefined))
}

/** The domain that a node reads most of; the first of equals. */
export function ownDomain({ reads }: ExperimentNode): Domain {
  const [first, ...rest] = DOMAINS.filter((name) => reads[name] !== undefined)
  if (first === undefined) throw new CentramError('BAD_ARGUMENT', 'A node of the experiment reads nothing.')
  return rest.reduce((most, name) => ((reads[name] ?? 0) > (reads[most] ?? 0) ? name : most), first)
}

/** What an experiment does in all: progress is told in these. */
export function unitsOf({ seeds, arms, rounds, nodes }: Experiment): number {
  // The base of each seed is measured once, and each arm at its end.
  return seeds.length * (1 + arms.length * (rounds * nodes.length + 1))
}
