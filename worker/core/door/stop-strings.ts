// Ends a text where one of some strings begins, as it streams: what might still become one of them is held back.

export interface StopStrings {
  /** What of the text may be shown now. */
  push(text: string): string
  /** One of the strings came; nothing after it is shown. */
  readonly stopped: boolean
  /** What was held back, at the end of a text in which none of them came. */
  flush(): string
}

export function createStopStrings(stops: readonly string[]): StopStrings {
  const wanted = stops.filter((stop) => stop !== '')
  let held = ''
  let stopped = false
  return {
    push(text) {
      if (stopped) return ''
      held += text
      // The one that is complete first, as if the text had come letter by letter; of several, the one that began first.
      const [first] = wanted
        .map((stop) => ({ place: held.indexOf(stop), length: stop.length }))
        .filter(({ place }) => place >= 0)
        .sort((a, b) => a.place + a.length - b.place - b.length || a.place - b.place)
      if (first) {
        stopped = true
        return take(first.place)
      }
      return take(held.length - unfinished(held, wanted))
    },
    get stopped() {
      return stopped
    },
    flush: () => (stopped ? '' : take(held.length)),
  }

  function take(length: number): string {
    const shown = held.slice(0, length)
    held = stopped ? '' : held.slice(length)
    return shown
  }
}

/** The length of the longest end of `text` with which one of `wanted` begins. */
function unfinished(text: string, wanted: readonly string[]): number {
  const longest = Math.max(0, ...wanted.map((stop) => stop.length - 1))
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(text.length - length)
    if (wanted.some((stop) => stop.startsWith(end))) return length
  }
  return 0
}
