// A set of listeners of one event.

export interface Listeners<Arguments extends readonly unknown[]> {
  /** Returns what removes it again. */
  add(listener: (...values: Arguments) => void): () => void
  call(...values: Arguments): void
}

export function createListeners<Arguments extends readonly unknown[]>(): Listeners<Arguments> {
  const listeners = new Set<(...values: Arguments) => void>()
  return {
    add(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    call(...values) {
      for (const listener of [...listeners]) listener(...values)
    },
  }
}
