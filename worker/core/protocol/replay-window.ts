// Which sequence numbers came before, where frames of one session may overtake one another on their way (several
// connections, or a link that was healed). A window over the highest numbers; what is older counts as seen.

/** Frames that may be overtaken and still be taken. */
export const REPLAY_WINDOW = 1024

export interface ReplayWindow {
  /** `old` is below the window, where nothing is remembered. */
  check(sequence: number): 'new' | 'seen' | 'old'
  /** Only for a `new` number, and once its frame was verified: a forged frame must not move the window. */
  accept(sequence: number): void
}

export function createReplayWindow(size: number = REPLAY_WINDOW): ReplayWindow {
  // Number n has its place at n mod size, so that moving the window clears places but moves nothing.
  const seen = new Uint8Array(size)
  let next = 0
  return {
    check(sequence) {
      if (sequence >= next) return 'new'
      if (sequence < next - size) return 'old'
      return seen[sequence % size] === 1 ? 'seen' : 'new'
    },
    accept(sequence) {
      if (sequence - next >= size) seen.fill(0)
      else for (let skipped = next; skipped < sequence; skipped++) seen[skipped % size] = 0
      seen[sequence % size] = 1
      next = Math.max(next, sequence + 1)
    },
  }
}
