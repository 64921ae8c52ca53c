// What happens to arrivals without a person: the rule that a person set, and genomes that it has fetched by itself.

import { toHex } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { Judgement } from '#core/gate/gate.ts'
import type { Clock } from '../net/clock.ts'
import type { Records } from '../storage/records.ts'
import type { GateSettings } from './gate-api.ts'
import type { GenomeSummary } from './genome-summary.ts'
import type { Quarantine } from './quarantine.ts'

export interface GateSettingsKeeper {
  start(): Promise<void>
  get(): GateSettings
  set(settings: GateSettings): Promise<void>
  /** Applies the rule to a genome that was judged. */
  onJudged(genomeId: string, outcome: Judgement['outcome']): Promise<void>
  /** Fetches what was announced, where a rule wants that. */
  consider(summary: GenomeSummary): void
}

export interface GateSettingsOptions {
  readonly records: Records
  readonly clock: Clock
  readonly owner: string
  readonly quarantine: Pick<Quarantine, 'get' | 'change'>
  /** Everything that is announced now. */
  readonly announced: () => readonly GenomeSummary[]
  readonly isHere: (genomeId: string) => boolean
  readonly fetch: (genomeId: string) => Promise<unknown>
  readonly onChange: () => void
}

const ASK_ALWAYS: GateSettings = { accept: 'ask', fetchFor: [] }
const MAX_MODELS = 64
/** What a rule fetches by itself: nobody fills a disk, or a line, through it. */
const AUTOMATIC = { mostBytes: 256 * 1024 * 1024, perHour: 24, waiting: 64 }
const HOUR_MS = 3_600_000

export function createGateSettings(options: GateSettingsOptions): GateSettingsKeeper {
  const { records, clock, quarantine } = options
  const key = `gate-rules/${options.owner}`
  let settings = ASK_ALWAYS
  let fetched: number[] = []
  let last: Promise<unknown> = Promise.resolve()
  const waiting = new Set<string>()

  function consider(summary: GenomeSummary): void {
    const id = toHex(summary.genome)
    const isWanted = settings.fetchFor.includes(toHex(summary.base)) && summary.bytes <= AUTOMATIC.mostBytes
    // What a person removed does not come back by itself.
    if (!isWanted || options.isHere(id) || quarantine.get(id) || waiting.has(id)) return
    fetched = fetched.filter((at) => at > clock.now() - HOUR_MS)
    if (waiting.size >= AUTOMATIC.waiting || fetched.length >= AUTOMATIC.perHour) return
    fetched.push(clock.now())
    waiting.add(id)
    // What it comes to stands among the arrivals; what could not be fetched is announced again some time.
    const turn = last.then(() => options.fetch(id)).catch(() => undefined)
    last = turn.then(() => waiting.delete(id))
  }

  return {
    async start() {
      const kept = await records.get('settings', key)
      if (isSettings(kept)) settings = kept
    },
    get: () => settings,
    async set({ accept, fetchFor }) {
      const wanted = { accept, fetchFor: [...new Set(fetchFor)] }
      if (!isSettings(wanted)) throw new CentramError('BAD_ARGUMENT', 'These are no rules for what arrives.')
      settings = wanted
      await records.put('settings', key, settings)
      options.onChange()
      for (const summary of options.announced()) consider(summary)
    },
    async onJudged(genomeId, outcome) {
      const entry = quarantine.get(genomeId)
      if (settings.accept !== 'unrefused' || outcome === 'refused' || !entry) return
      // What a person decided stays as it was decided.
      if (entry.use !== 'held' || entry.decidedBy !== null || entry.withdrawnAt !== null || !entry.hasFiles) return
      await quarantine.change(genomeId, { use: 'allowed', decidedBy: 'rule' })
    },
    consider,
  }
}

function isSettings(value: unknown): value is GateSettings {
  const { accept, fetchFor } = (value ?? {}) as Partial<GateSettings>
  return (
    (accept === 'ask' || accept === 'unrefused') &&
    Array.isArray(fetchFor) &&
    fetchFor.length <= MAX_MODELS &&
    fetchFor.every((hash) => /^[0-9a-f]{64}$/.test(String(hash)))
  )
}
