// Merges with genomes of others in them: no such genome weighs more than its cap, and what came of it is held until this
// node's private probes have said that the model is not worse for it.

import { CentramError, errorMessage } from '#core/errors.ts'
import { judgeMerge } from '#core/gate/merge-guard.ts'
import type { FitnessRules } from '#core/gate/rules.ts'
import type { PairedLoss } from '#core/genome/bootstrap.ts'
import type { SignedGenome } from '#core/genome/signed-genome.ts'
import type { MergePlan } from '#core/merge/merge-plan.ts'
import type { MergeRequest } from './lab-api.ts'
import type { Arrival, Quarantine } from './quarantine.ts'

const MEASURING = 'It is being measured on this node’s text.'

type Weighed = Pick<MergePlan, 'operator' | 'values'>

export interface MergeWatch {
  /** Goes on with what an earlier visit did not come to measure. */
  start(): Promise<void>
  /** Throws `BAD_ARGUMENT` where a genome of another node weighs more than its cap, and no person lifted that. */
  checkWeights(plan: Weighed, request: MergeRequest): Promise<void>
  /** Marks a merge before it is kept. `carriedOutFor` names the node that asked for it. */
  beforeKept(genome: SignedGenome, request: MergeRequest, carriedOutFor: string | null): Promise<void>
  /** Measures what was kept, and lets it be used unless the model is worse for it. */
  afterKept(genomeId: string): Promise<void>
}

export interface MergeWatchOptions {
  readonly quarantine: Pick<Quarantine, 'all' | 'get' | 'put' | 'change'>
  readonly self: string
  readonly rules: FitnessRules
  readonly wallTime: () => number
  /** What each of these genomes does to the same private probes; null where this node cannot measure. */
  readonly measure: (genomeIds: readonly string[]) => Promise<readonly (readonly PairedLoss[])[] | null>
  /** A genome that is here. */
  readonly find: (genomeId: string) => SignedGenome
  readonly isHere: (genomeId: string) => boolean
}

export function createMergeWatch(options: MergeWatchOptions): MergeWatch {
  const { quarantine, rules } = options
  const isFromOthers = (genomeId: string) => quarantine.get(genomeId)?.kind === 'fetched'
  const inputsOf = ({ base, parents }: MergeRequest) => (base === undefined ? parents : [base, ...parents])

  /** The merged model's losses, and those of the best that this node had before: its own parent with the least, or the model. */
  async function compare(genomeId: string): Promise<readonly PairedLoss[] | null> {
    const own = options.find(genomeId).manifest.parents.filter((id) => !isFromOthers(id))
    const losses = await options.measure([genomeId, ...new Set(own)])
    const [merged, ...parents] = losses ?? []
    if (!merged) return null
    const total = (some: readonly number[]) => some.reduce((sum, loss) => sum + loss, 0)
    const before = [merged.map((loss) => loss.before), ...parents.map((some) => some.map(({ after }) => after))]
    const best = before.reduce((least, some) => (total(some) < total(least) ? some : least))
    return merged.map(({ after, tokens }, i) => ({ before: best[i] ?? 0, after, tokens }))
  }

  const watch: MergeWatch = {
    async start() {
      for (const { id, kind, use, note } of quarantine.all()) {
        if (kind !== 'merged' || use !== 'held') continue
        // A tab that was closed between the mark and the files left the mark alone.
        if (!options.isHere(id)) await quarantine.change(id, { use: 'removed', hasFiles: false })
        else if (note === MEASURING) void watch.afterKept(id)
      }
    },

    async checkWeights(plan, request) {
      if (request.uncapped) return
      const inputs = inputsOf(request)
      const { findAdapterOperator } = await import('#core/merge/registry.ts')
      const isBetween = findAdapterOperator(plan.operator.name).base === 'endpoint'
      const shares = sharesOf(plan, request, isBetween)
      for (const [i, id] of inputs.entries()) {
        const share = shares[i] ?? 1 / inputs.length
        if (!isFromOthers(id) || share <= rules.maxWeight + 1e-9) continue
        throw new CentramError(
          'BAD_ARGUMENT',
          `"${options.find(id).manifest.name}" came from another node and would weigh ${share.toFixed(2)} in this merge; ` +
            `${rules.maxWeight} is the most for such a genome. Lower its weight, or let genomes of others count in full.`,
        )
      }
    },

    async beforeKept({ id, manifest, bytes }, request, carriedOutFor) {
      if (carriedOutFor === null && !inputsOf(request).some(isFromOthers)) return
      const entry: Arrival = {
        id,
        kind: 'merged',
        name: manifest.name,
        author: options.self,
        baseHash: manifest.base.hash,
        baseName: manifest.base.name,
        bytes: bytes.length + manifest.tensors.bytes,
        content: '',
        sender: '',
        at: options.wallTime(),
        hasFiles: true,
        use: 'held',
        decidedBy: null,
        note: carriedOutFor === null ? MEASURING : `It was merged for ${carriedOutFor}, who asked for it.`,
        withdrawnAt: null,
        judged: null,
      }
      await quarantine.put(entry)
    },

    async afterKept(genomeId) {
      if (quarantine.get(genomeId)?.use !== 'held') return
      const free = (note: string) => quarantine.change(genomeId, { use: 'allowed', decidedBy: 'rule', note })
      let probes: readonly PairedLoss[] | null
      try {
        probes = await compare(genomeId)
      } catch (error) {
        await quarantine.change(genomeId, {
          note: `It was not measured (${errorMessage(error)}), so it is kept out of use. Allow it, or remove it.`,
        })
        return
      }
      if (!probes) {
        await free('It was not measured: this node has no text to judge by, or cannot run the model.')
        return
      }
      const { wanted, change } = judgeMerge(probes, rules, Number.parseInt(genomeId.slice(0, 8), 16))
      const figures = `${signed(change.mean)} nats a token, 95 %: ${signed(change.low)} to ${signed(change.high)}`
      if (!wanted) return free(`Measured on this node’s text: ${figures}.`)
      await quarantine.change(genomeId, {
        note: `Taken out of use: the model is worse with it than before on this node’s text (${figures}).`,
      })
    },
  }
  return watch
}

const signed = (value: number) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(3)}`

/**
 * How much of the result each input makes up, the base first where there is one. An operator that divides by the sum of weights
 * is asked for shares, another for the weights themselves; one without weights treats its parents alike.
 */
function sharesOf({ operator, values }: Weighed, request: MergeRequest, isBetween: boolean): number[] {
  const parents = request.parents.length
  const weights = values.parent['weight'] ?? values.parent['scale']
  const t = values.shared['t']
  if (isBetween && t !== undefined) {
    return request.base === undefined ? [1 - t, t] : [1 - t, ...new Array<number>(parents).fill(t)]
  }
  const own = weights?.map(Math.abs) ?? new Array<number>(parents).fill(1 / parents)
  const sum = own.reduce((total, weight) => total + weight, 0)
  const divides =
    (values.shared['normalize'] ?? values.shared['normalize_weights'] ?? 0) !== 0 || operator.name === 'nuslerp'
  const shares = divides && sum > 0 ? own.map((weight) => weight / sum) : own
  // The origin of differences is whole in the result.
  return request.base === undefined ? shares : [1, ...shares]
}
