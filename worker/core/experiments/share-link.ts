// An experiment in an address, and what a run of it found: whoever opens the link has the same settings before them, and the
// figures that somebody says they got. Loss is carried in hundred-thousandths of a nat.

import { z } from 'zod/mini'
import { CentramError } from '#core/errors.ts'
import { utf8 } from '#core/crypto/bytes.ts'
import { domainsOf, ownDomain, parseExperiment, type Experiment } from '#core/experiments/experiment.ts'
import type { Cell } from '#core/experiments/result.ts'

/** The page's query parameter. */
export const EXPERIMENT_QUERY = 'experiment'
const MAX_LENGTH = 16_384
const SCALE = 100_000

export interface SharedRun {
  readonly experiment: Experiment
  /** As the link says: nothing of it was computed here. */
  readonly cells: readonly Cell[]
}

/** `cells` are left out where they would make the link too long for servers. */
export function encodeSharedRun({ experiment, cells }: SharedRun): string {
  const settings = toBase64(JSON.stringify(experiment))
  const found = toBase64(JSON.stringify(cells.map((cell) => pack(experiment, cell))))
  return cells.length === 0 || settings.length + found.length > MAX_LENGTH / 4 ? settings : `${settings}.${found}`
}

/** Throws `BAD_ARGUMENT`. */
export function decodeSharedRun(text: string): SharedRun {
  if (text.length > MAX_LENGTH) throw damaged()
  const [settings = '', found] = text.split('.')
  const experiment = parseExperiment(fromBase64(settings))
  if (found === undefined) return { experiment, cells: [] }
  const rows = z
    .array(z.array(z.int().check(z.gte(0))))
    .check(z.maxLength(800))
    .safeParse(fromBase64(found))
  if (!rows.success) throw damaged(rows.error)
  return { experiment, cells: rows.data.map((row) => unpack(experiment, row)) }
}

/** Arm, seed, offers, accepted, the base's losses, then every node's. */
function pack(experiment: Experiment, { arm, seed, offers, accepted, base, nodes }: Cell): number[] {
  const domains = domainsOf(experiment)
  const losses = [base, ...nodes.map((node) => node.losses)]
  return [
    experiment.arms.findIndex(({ name }) => name === arm),
    seed,
    offers,
    accepted,
    ...losses.flatMap((of) => domains.map((domain) => Math.round(SCALE * (of[domain] ?? 0)))),
  ]
}

function unpack(experiment: Experiment, row: readonly number[]): Cell {
  const domains = domainsOf(experiment)
  const [place = -1, seed = -1, offers = 0, accepted = 0, ...values] = row
  const arm = experiment.arms[place]
  const isWhole = values.length === domains.length * (1 + experiment.nodes.length)
  if (!arm || !isWhole || !experiment.seeds.includes(seed) || accepted > offers) throw damaged()
  const lossesAt = (index: number) =>
    Object.fromEntries(domains.map((domain, i) => [domain, (values[index * domains.length + i] ?? 0) / SCALE]))
  return {
    arm: arm.name,
    seed,
    base: lossesAt(0),
    nodes: experiment.nodes.map((node, i) => ({ name: node.name, own: ownDomain(node), losses: lossesAt(i + 1) })),
    offers,
    accepted,
    training: [],
  }
}

function toBase64(text: string): string {
  const encoded = btoa(String.fromCharCode(...utf8(text)))
  return encoded.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

function fromBase64(text: string): unknown {
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw damaged(cause)
  }
}

const damaged = (cause?: unknown) =>
  new CentramError('BAD_ARGUMENT', 'The link to the experiment is damaged. Ask for it again.', { cause })
