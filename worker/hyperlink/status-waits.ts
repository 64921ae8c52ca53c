// Waiting for what a node reports of a stage, or of a session on it.

import type { CentramError } from '#core/errors.ts'

export type SettledState = 'ready' | 'waiting'

export interface StatusWaits {
  /** Resolves with the next report of that kind. `session` null: of the stage itself. */
  of(nodeId: string, stage: number, session: number | null): Promise<SettledState>
  settle(nodeId: string, stage: number, session: number | null, state: SettledState): void
  /** Ends the wait for one session alone. */
  refuse(nodeId: string, stage: number, session: number, reason: CentramError): void
  /** Nothing more will come from a node that nothing depends on: what is waited for is not `ready`. */
  abandon(nodeId: string): void
  /** Ends all of them. */
  reject(reason: CentramError): void
}

export function createStatusWaits(): StatusWaits {
  const waiters = new Map<string, { resolve(state: SettledState): void; reject(reason: CentramError): void }>()
  const keyOf = (nodeId: string, stage: number, session: number | null) => `${nodeId}/${stage}/${session ?? 'plan'}`

  return {
    of(nodeId, stage, session) {
      const waiting = new Promise<SettledState>((resolve, reject) => {
        waiters.set(keyOf(nodeId, stage, session), { resolve, reject })
      })
      // Several are waited for together; those after the first to fail are nobody's any more.
      waiting.catch(() => undefined)
      return waiting
    },
    settle(nodeId, stage, session, state) {
      const key = keyOf(nodeId, stage, session)
      waiters.get(key)?.resolve(state)
      waiters.delete(key)
    },
    refuse(nodeId, stage, session, reason) {
      const key = keyOf(nodeId, stage, session)
      waiters.get(key)?.reject(reason)
      waiters.delete(key)
    },
    abandon(nodeId) {
      for (const [key, { resolve }] of [...waiters]) {
        if (!key.startsWith(`${nodeId}/`)) continue
        waiters.delete(key)
        resolve('waiting')
      }
    },
    reject(reason) {
      for (const { reject } of waiters.values()) reject(reason)
      waiters.clear()
    },
  }
}
