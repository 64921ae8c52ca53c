// What came from others and waits for a decision: a record a genome, written before its files are, so that nothing is ever
// here without its mark. All tabs of a browser share the genomes, and so these.

import { z } from 'zod/mini'
import { CentramError } from '#core/errors.ts'
import type { Records } from '../storage/records.ts'

const bytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array)

const finding = z.strictObject({
  layer: z.string(),
  outcome: z.enum(['passed', 'refused', 'not-run']),
  code: z.string(),
  message: z.string(),
  /** What it took. */
  ms: z.number(),
})

const arrival = z.strictObject({
  id: z.string(),
  /** Fetched from the room, or merged here from what was. */
  kind: z.enum(['fetched', 'merged']),
  name: z.string(),
  author: z.string(),
  baseHash: z.string(),
  baseName: z.string(),
  bytes: z.number(),
  /** Id of the content it came as; empty for a merge. */
  content: z.string(),
  /** The node that told of it; empty for a merge. */
  sender: z.string(),
  at: z.number(),
  /** Files that are no genome are not kept, only what the gate said of them. */
  hasFiles: z.boolean(),
  use: z.enum(['held', 'allowed', 'removed']),
  decidedBy: z.nullable(z.enum(['person', 'rule'])),
  /** Why a merge was taken out of use, or a genome cannot be judged. */
  note: z.string(),
  /** When its author took it back; null if it did not. */
  withdrawnAt: z.nullable(z.number()),
  judged: z.nullable(
    z.strictObject({
      accepted: z.boolean(),
      at: z.number(),
      findings: z.array(finding),
      /** The signed verdict, as others get it. */
      verdict: bytes,
      signature: bytes,
    }),
  ),
})

export type Arrival = z.infer<typeof arrival>
export type JudgedFinding = z.infer<typeof finding>

export interface Quarantine {
  /** Reads what was kept from earlier visits. */
  start(): Promise<void>
  all(): readonly Arrival[]
  get(genomeId: string): Arrival | undefined
  /** As it stands in the records: another tab may have decided meanwhile. */
  read(genomeId: string): Promise<Arrival | undefined>
  /** Whether the genome may be used, merged and shared. */
  isHeld(genomeId: string): boolean
  /** Throws `QUARANTINED` for one that is held. */
  requireFree(genomeId: string): void
  put(entry: Arrival): Promise<void>
  change(genomeId: string, change: Partial<Arrival>): Promise<void>
}

const STORE = 'arrivals'
/** The oldest of those that a person removed make room. */
const MAX_REMOVED = 512

export function createQuarantine(records: Records, onChange: () => void): Quarantine {
  const arrivals = new Map<string, Arrival>()

  async function read(genomeId: string): Promise<Arrival | undefined> {
    const parsed = z.safeParse(arrival, await records.get(STORE, genomeId))
    return parsed.success && parsed.data.id === genomeId ? parsed.data : undefined
  }

  async function forgetOldest(): Promise<void> {
    const removed = [...arrivals.values()].filter(({ use }) => use === 'removed').sort((a, b) => a.at - b.at)
    for (const { id } of removed.slice(0, Math.max(0, removed.length - MAX_REMOVED))) {
      arrivals.delete(id)
      await records.delete(STORE, id)
    }
  }

  const quarantine: Quarantine = {
    async start() {
      for (const id of await records.keys(STORE)) {
        const entry = await read(id)
        // A record that cannot be read, of a later version say, still speaks of what nobody here allowed.
        arrivals.set(id, entry ?? unreadable(id))
      }
      onChange()
    },
    all: () => [...arrivals.values()],
    get: (genomeId) => arrivals.get(genomeId),
    read,
    isHeld: (genomeId) => (arrivals.get(genomeId)?.use ?? 'allowed') !== 'allowed',
    requireFree(genomeId) {
      if (!quarantine.isHeld(genomeId)) return
      const name = arrivals.get(genomeId)?.name ?? genomeId.slice(0, 12)
      throw new CentramError(
        'QUARANTINED',
        `"${name}" is in quarantine. Look at its verdict in the Lab, and allow it there before it is used.`,
      )
    },
    async put(entry) {
      await records.put(STORE, entry.id, entry)
      arrivals.set(entry.id, entry)
      await forgetOldest()
      onChange()
    },
    async change(genomeId, change) {
      const entry = arrivals.get(genomeId)
      if (!entry) throw new CentramError('BAD_ARGUMENT', `No genome ${genomeId.slice(0, 12)} came to this node.`)
      await quarantine.put({ ...entry, ...change })
    },
  }
  return quarantine
}

const unreadable = (id: string): Arrival => ({
  id,
  kind: 'fetched',
  name: id.slice(0, 12),
  author: '',
  baseHash: '',
  baseName: '',
  bytes: 0,
  content: '',
  sender: '',
  at: 0,
  hasFiles: true,
  use: 'held',
  decidedBy: null,
  note: 'What was known of this genome cannot be read any more. Judge it again, or remove it.',
  withdrawnAt: null,
  judged: null,
})
