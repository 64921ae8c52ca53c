// The attack suite as a whole: trials over threads, and what their verdicts add up to.

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { TrialAnswer, TrialRequest } from './thread.ts'
import { ATTACKS, type Attack, type Harm, type Verdict } from './trial.ts'

/** A thread does not know TypeScript by itself. */
const THREAD = JSON.stringify(new URL('./thread.ts', import.meta.url).href)
const START = `import('tsx/esm/api').then(({ register }) => { register(); return import(${THREAD}) })`

export interface SuiteResult {
  readonly verdicts: readonly Verdict[]
  readonly harms: readonly Harm[]
}

export async function runSuite(seeds: readonly number[], folder: string | null = null): Promise<SuiteResult> {
  const waiting = [...seeds]
  const verdicts: Verdict[] = []
  const harms: Harm[] = []
  await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), seeds.length) }, async () => {
      const worker = new Worker(START, { eval: true })
      try {
        for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
          const answer = await ask(worker, { seed, seeds, folder })
          if ('error' in answer) throw new Error(`Trial ${seed} failed: ${answer.error}`)
          verdicts.push(...answer.verdicts)
          harms.push(...answer.harms)
        }
      } finally {
        await worker.terminate()
      }
    }),
  )
  return { verdicts, harms }
}

function ask(worker: Worker, request: TrialRequest): Promise<TrialAnswer> {
  return new Promise((resolve, reject) => {
    worker.once('message', (answer: TrialAnswer) => {
      worker.off('error', reject)
      resolve(answer)
    })
    worker.once('error', reject)
    worker.postMessage(request)
  })
}

export interface AttackSummary {
  readonly attack: Attack
  readonly trials: number
  /** Part that was not let in: refused, or left undecided and so in quarantine. */
  readonly recall: number
  readonly refused: number
  /** How many each layer refused or left undecided, by name and code. */
  readonly refusals: Readonly<Record<string, number>>
  /** Held-out loss of a merge with a fifth of the peers hostile, over that of the honest alone: 0.01 is a hundredth more. */
  readonly harmWithGate: number
  readonly worstHarmWithGate: number
  readonly harmWithoutGate: number
  /** Likelihood of the attacker's words after his trigger: in those merges, and with his genome alone where it was let in. */
  readonly success: { readonly withGate: number; readonly withoutGate: number; readonly aloneIfAccepted: number } | null
}

export interface SuiteSummary {
  readonly attacks: readonly AttackSummary[]
  readonly honest: {
    readonly judged: number
    readonly accepted: number
    readonly refused: number
    readonly refusals: Readonly<Record<string, number>>
  }
  readonly recall: number
  readonly harmWithGate: number
}

export function summarise({ verdicts, harms }: SuiteResult): SuiteSummary {
  const honest = verdicts.filter(({ kind }) => kind === 'honest')
  const hostile = verdicts.filter(({ kind }) => kind !== 'honest')
  const attacks = ATTACKS.map((attack): AttackSummary => {
    const own = hostile.filter(({ kind }) => kind === attack)
    const harm = harms.filter((each) => each.attack === attack)
    const opened = harm.flatMap(({ success }) => success ?? [])
    return {
      attack,
      trials: own.length,
      recall: mean(own.map(({ accepted }) => (accepted ? 0 : 1))),
      refused: own.filter(({ refusedBy }) => refusedBy !== null).length,
      refusals: countRefusals(own),
      harmWithGate: mean(harm.map(({ withGate, honestOnly }) => withGate / honestOnly - 1)),
      worstHarmWithGate: Math.max(...harm.map(({ withGate, honestOnly }) => withGate / honestOnly - 1)),
      harmWithoutGate: mean(harm.map(({ withoutGate, honestOnly }) => withoutGate / honestOnly - 1)),
      success:
        opened.length === 0
          ? null
          : {
              withGate: mean(opened.map(({ withGate }) => withGate)),
              withoutGate: mean(opened.map(({ withoutGate }) => withoutGate)),
              aloneIfAccepted: mean(own.flatMap(({ accepted, success }) => (accepted && success ? success.alone : []))),
            },
    }
  })
  return {
    attacks,
    honest: {
      judged: honest.length,
      accepted: honest.filter(({ accepted }) => accepted).length,
      refused: honest.filter(({ refusedBy }) => refusedBy !== null).length,
      refusals: countRefusals(honest),
    },
    recall: mean(hostile.map(({ accepted }) => (accepted ? 0 : 1))),
    harmWithGate: mean(attacks.map(({ harmWithGate }) => harmWithGate)),
  }
}

function countRefusals(verdicts: readonly Verdict[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { accepted, refusedBy, code } of verdicts) {
    if (accepted) continue
    const name = `${refusedBy ?? 'open'} ${code}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

/** A table for a page, or for whoever reads a test's output. */
export function describeSuite({ attacks, honest, recall, harmWithGate }: SuiteSummary): string {
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`
  const list = (refusals: Readonly<Record<string, number>>) =>
    Object.entries(refusals)
      .sort(([, a], [, b]) => b - a)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || '–'
  return [
    '| attack | kept out | refused | by | loss with the gate | without | backdoor opens with the gate | without | alone, where let in |',
    '|---|---|---|---|---|---|---|---|---|',
    ...attacks.map(
      ({ attack, trials, recall: own, refused, refusals, harmWithGate: gated, harmWithoutGate, success }) =>
        `| ${attack} | ${Math.round(own * trials)} of ${trials} | ${refused} | ${list(refusals)} | ${percent(gated)} | ` +
        `${percent(harmWithoutGate)} | ${success ? percent(success.withGate) : '–'} | ` +
        `${success ? percent(success.withoutGate) : '–'} | ${success && own < 1 ? percent(success.aloneIfAccepted) : '–'} |`,
    ),
    '',
    `Honest genomes: ${honest.accepted} of ${honest.judged} accepted, ${honest.refused} refused (${list(honest.refusals)}). ` +
      `All attacks: ${percent(recall)} kept out; harm with the gate ${percent(harmWithGate)} on average.`,
  ].join('\n')
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}
