// Asks the browser not to throw away what the page keeps when the disk gets full. Some browsers put that to the person, so it is
// asked only once there is something to keep, and once a visit.

import type { NodeState } from '../../worker/node/api.ts'
import { isPartlyStored } from './model-choice.ts'

export interface LastingStorage {
  /** Resolves with whether storage lasts now; asks the browser the first time only. */
  ask(): Promise<boolean>
}

/** `storage` is absent where the page's address is not secure. */
export function createLastingStorage(
  storage: Pick<StorageManager, 'persist' | 'persisted'> | undefined,
): LastingStorage {
  let answer: Promise<boolean> | undefined
  return {
    ask() {
      answer ??= storage ? askOnce(storage).catch(() => false) : Promise.resolve(false)
      return answer
    },
  }
}

async function askOnce(storage: Pick<StorageManager, 'persist' | 'persisted'>): Promise<boolean> {
  return (await storage.persisted()) || (await storage.persist())
}

/** Whether the node keeps what would be missed: a downloaded model, a training run, a genome, what is owed. */
export function isKeeping(state: NodeState): boolean {
  const downloaded = state.models.some((model) => model.origin !== 'built-in' && isPartlyStored(model))
  return downloaded || state.runs.length > 0 || state.genomes.length > 0 || state.ledger.entries.length > 0
}
