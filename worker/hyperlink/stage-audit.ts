// Whether a stage computed what it should: a spare that holds the same layers is given the same inputs, and both tell the digest
// of what they made of the last step, which depends on every step before it.

import { equalBytes, fromHex } from '#core/crypto/bytes.ts'
import type { LayerRange } from '#core/pipeline/layer-range.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import type { PipePort } from './pipe-port.ts'
import type { SessionWires } from './pipeline-session.ts'
import type { SettledState } from './status-waits.ts'

/** `null` where it could not be told: an answer went on meanwhile, or a node left. */
export type AuditOutcome = 'same' | 'different' | null

export interface StageAudits {
  /** One at a time; a later one ends it. */
  run(audited: AuditedStage): Promise<AuditOutcome>
  onDigest(from: string, body: BodyOf<'PIPE_AUDIT'>): void
  /** Nothing more will come from `nodeId`, or (undefined) from anybody. */
  giveUp(nodeId?: string): void
}

export interface AuditedStage {
  readonly stage: number
  readonly range: LayerRange
  readonly holder: string
  readonly auditor: string
  /** Who hands the stage its inputs, where that is another node. */
  readonly before: string | null
  readonly session: number
  readonly wires: SessionWires
  /** Opens the session on the auditor. */
  commit(): Promise<SettledState>
  /** What `before` answers to the failover. */
  answered(): Promise<SettledState>
}

const NO_KEY = new Uint8Array(32)

export function createStageAudits(port: PipePort, plan: Uint8Array): StageAudits {
  let current: { readonly audit: AuditedStage; readonly step: number; end(): void } | null = null
  const waiting = new Map<string, (digest: Uint8Array | null) => void>()

  function giveUp(nodeId?: string): void {
    for (const [from, resolve] of [...waiting]) {
      if (nodeId !== undefined && from !== nodeId) continue
      waiting.delete(from)
      resolve(null)
    }
  }

  function ask(nodeId: string, { stage, session }: AuditedStage, step: number): Promise<Uint8Array | null> {
    const told = new Promise<Uint8Array | null>((resolve) => waiting.set(nodeId, resolve))
    port.send(nodeId, 'PIPE_AUDIT', { plan, session, step, stage, digest: null })
    return told
  }

  /** Has the auditor given all that the stage was given. */
  async function copy({
    stage,
    range,
    holder,
    auditor,
    before,
    session,
    wires,
    answered,
  }: AuditedStage): Promise<boolean> {
    if (before === null) return wires.rebuild(stage, auditor)
    const hands = { lost: fromHex(holder) ?? NO_KEY, node: fromHex(auditor) ?? NO_KEY, ...range }
    const replay = [{ session, length: wires.standing }]
    const kept = answered()
    port.send(before, 'PIPE_FAILOVER', { plan, stage, ...hands, mode: 'copy', replay, until: stage })
    return (await kept) === 'ready'
  }

  function release({ auditor, session }: AuditedStage, step: number): void {
    try {
      port.send(auditor, 'PIPE_KV_TRIM', { plan, session, step: step + 1, length: 0, release: true })
    } catch {
      // It left, and the cache with it.
    }
  }

  return {
    giveUp,

    onDigest(from, { session, step, stage, digest }) {
      if (!current || current.step !== step || current.audit.session !== session || current.audit.stage !== stage)
        return
      waiting.get(from)?.(digest)
      waiting.delete(from)
    },

    async run(audit) {
      giveUp()
      current?.end()
      const step = audit.wires.auditable
      if (step === null) return null
      let ended = false
      const mine = {
        audit,
        step,
        end() {
          if (!ended) release(audit, step)
          ended = true
        },
      }
      current = mine
      try {
        const claimed = await ask(audit.holder, audit, step)
        if (claimed === null) return null
        const isOpen = (await audit.commit()) === 'ready'
        if (!isOpen || audit.wires.auditable !== step || !(await copy(audit))) return null
        const found = await ask(audit.auditor, audit, step)
        if (found === null) return null
        return equalBytes(claimed, found) ? 'same' : 'different'
      } catch {
        return null
      } finally {
        mine.end()
      }
    },
  }
}
