// Work that comes in waves, done a little at a time: what else the process has to do comes in between.

export interface Slices {
  /** Does `work` in its turn; false where too much waits already, and it is not done at all. */
  push(work: () => void): boolean
}

/**
 * @param sliceMs after which whatever else is due has its turn.
 * @param most works that may wait.
 */
export function createSlices(sliceMs: number, most: number): Slices {
  const waiting: (() => void)[] = []
  let isDue = false
  const run = () => {
    isDue = false
    const end = performance.now() + sliceMs
    do waiting.shift()?.()
    while (waiting.length > 0 && performance.now() < end)
    next()
  }
  const next = () => {
    if (isDue || waiting.length === 0) return
    isDue = true
    setImmediate(run)
  }
  return {
    push(work) {
      if (waiting.length >= most) return false
      waiting.push(work)
      next()
      return true
    },
  }
}
