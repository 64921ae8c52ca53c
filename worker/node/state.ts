// The node's present state, as one immutable value, and those who watch it.

import type { NodeState } from './api.ts'

export interface StateStore {
  get(): NodeState
  update(change: Partial<NodeState>): void
  /** Calls `listener` with the present state and after every change, changes of one turn taken together. */
  watch(listener: (state: NodeState) => void): void
}

export function createStateStore(initial: NodeState): StateStore {
  let state = initial
  let scheduled = false
  const listeners = new Set<(state: NodeState) => void>()

  function publish(): void {
    scheduled = false
    for (const listener of listeners) listener(state)
  }

  return {
    get: () => state,
    update(change) {
      state = { ...state, ...change }
      if (scheduled) return
      scheduled = true
      queueMicrotask(publish)
    },
    watch(listener) {
      listeners.add(listener)
      listener(state)
    },
  }
}
