// Reads a Range header (RFC 9110 §14.1.2). One range is served; several at once, other units and malformed headers
// are ignored, which the RFC allows: the whole file is the answer then.

export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly first: number; /** Inclusive. */ readonly last: number }
  | { readonly kind: 'unsatisfiable' }

const ONE_RANGE = /^bytes=\s*(\d{0,20})\s*-\s*(\d{0,20})\s*$/i

/** What `header` asks of a file of `size` bytes. */
export function parseRange(header: string | undefined, size: number): RangeRequest {
  const match = header === undefined ? null : ONE_RANGE.exec(header)
  if (!match) return { kind: 'whole' }
  const [, from = '', to = ''] = match
  if (from === '' && to === '') return { kind: 'whole' }
  if (from === '') {
    const suffix = Number(to)
    if (suffix === 0 || size === 0) return { kind: 'unsatisfiable' }
    return { kind: 'part', first: Math.max(0, size - suffix), last: size - 1 }
  }
  const first = Number(from)
  const last = to === '' ? Infinity : Number(to)
  if (last < first) return { kind: 'whole' }
  if (first >= size) return { kind: 'unsatisfiable' }
  return { kind: 'part', first, last: Math.min(last, size - 1) }
}
