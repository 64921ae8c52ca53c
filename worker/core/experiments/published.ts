// The five variants that the system we follow published, at a size that a tab can run, with the figures it reported. What its
// report leaves open (texts, base, rounds, learning rate) is ours, and stands here to be changed.

import type { Exchange, Experiment } from '#core/experiments/experiment.ts'

/** As reported: loss before less loss after, so that above zero is better; a share of offers for `accepted`. */
export interface PublishedFigures {
  readonly own: number
  readonly generalist: number
  readonly cross: number | null
  readonly accepted: number
}

export interface PublishedExperiment {
  readonly experiment: Experiment
  readonly published: PublishedFigures
}

const SEEDS = [1, 2, 3, 4, 5]

const DIVERGENT: Experiment['nodes'] = [
  { name: 'novel', reads: { novel: 1 } },
  { name: 'countries', reads: { countries: 1 } },
  { name: 'definitions', reads: { definitions: 1 } },
]

const REGISTERS: Experiment['nodes'] = [
  { name: '1865 to 1912', reads: { 'speeches-1865': 1 } },
  { name: '1913 to 1965', reads: { 'speeches-1913': 1 } },
  { name: 'from 1966', reads: { 'speeches-1966': 1 } },
]

/** Each reads half of its own and a quarter of each other's. */
const OVERLAPPING: Experiment['nodes'] = [
  { name: 'novel', reads: { novel: 0.5, countries: 0.25, definitions: 0.25 } },
  { name: 'countries', reads: { novel: 0.25, countries: 0.5, definitions: 0.25 } },
  { name: 'definitions', reads: { novel: 0.25, countries: 0.25, definitions: 0.5 } },
]

const LORA: Experiment['trainer'] = {
  kind: 'lora',
  rank: 4,
  alpha: 8,
  freezeA: false,
  learningRate: 2e-3,
  steps: 8,
  batch: 8,
}

/** 0.85 of one's own and 0.15 of the peer's, reverted when the generalist score falls. */
const mix = (operator: 'linear' | 'slerp'): Exchange => ({
  kind: 'mix',
  operator,
  peerWeight: 0.15,
  gate: { judge: 'generalist', tolerance: 0, probes: 8 },
})

function variant(
  name: string,
  title: string,
  nodes: Experiment['nodes'],
  published: PublishedFigures,
  { trainer = LORA, operator = 'linear' }: { trainer?: Experiment['trainer']; operator?: 'linear' | 'slerp' } = {},
): PublishedExperiment {
  return {
    published,
    experiment: {
      version: 1,
      name,
      title,
      base: 'built-in',
      nodes,
      trainer,
      rounds: 4,
      arms: [
        { name: 'own only', exchange: { kind: 'none' } },
        { name: 'exchange', exchange: mix(operator) },
      ],
      seeds: SEEDS,
      heldOut: 32,
    },
  }
}

export const PUBLISHED: readonly PublishedExperiment[] = [
  variant(
    'delta-divergent',
    'Delta, divergent corpora',
    DIVERGENT,
    { own: 0.0347, generalist: -0.0277, cross: null, accepted: 0.05 },
    { trainer: { ...LORA, kind: 'full', learningRate: 5e-4 } },
  ),
  variant('lora-divergent', 'LoRA, divergent corpora', DIVERGENT, {
    own: 0.0179,
    generalist: 0.0034,
    cross: null,
    accepted: 0,
  }),
  variant('lora-registers', 'LoRA, same domain (registers)', REGISTERS, {
    own: 0.0156,
    generalist: -0.0022,
    cross: -0.003,
    accepted: 0.017,
  }),
  variant(
    'lora-slerp',
    'LoRA, SLERP operator (same domain)',
    REGISTERS,
    { own: 0.0156, generalist: -0.0023, cross: -0.003, accepted: 0 },
    { operator: 'slerp' },
  ),
  variant('lora-overlap', 'LoRA, topic-overlap rich data', OVERLAPPING, {
    own: 0.007,
    generalist: -0.0006,
    cross: -0.0013,
    accepted: 0.033,
  }),
]

/** The published figures that an experiment of this name stands beside, whatever was changed in it. */
export function findPublished(name: string): PublishedExperiment | undefined {
  return PUBLISHED.find(({ experiment }) => experiment.name === name)
}
