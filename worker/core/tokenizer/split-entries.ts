// Cuts text at entries that are tokens as a whole (control tokens, user-defined pieces), the longest first.

/** The parts in order: a number is the id of an entry found there, a string the text between. */
export function splitAtEntries(text: string, entries: ReadonlyMap<string, number>): (string | number)[] {
  if (entries.size === 0) return text === '' ? [] : [text]
  const byFirst = new Map<string, string[]>()
  for (const entry of entries.keys()) {
    const first = entry.charAt(0)
    const list = byFirst.get(first)
    if (list === undefined) byFirst.set(first, [entry])
    else list.push(entry)
  }
  for (const list of byFirst.values()) list.sort((a, b) => b.length - a.length)

  const parts: (string | number)[] = []
  let start = 0
  for (let at = 0; at < text.length; at++) {
    const entry = byFirst.get(text.charAt(at))?.find((candidate) => text.startsWith(candidate, at))
    if (entry === undefined) continue
    if (at > start) parts.push(text.slice(start, at))
    parts.push(entries.get(entry) ?? 0)
    start = at + entry.length
    at = start - 1
  }
  if (start < text.length) parts.push(text.slice(start))
  return parts
}
