// Loops over the quads of a head, written out. What they keep in arrays becomes registers: an array indexed by a variable
// lies in memory on every adapter, and costs a checked access each time on a CPU adapter.

/** Above this a written-out loop costs more to compile than it saves. */
const MOST = 16

/**
 * Writes out every `for (var i = 0u; i < QUADS; i++) {` of a shader with `quads` copies of its body, `i` replaced by its
 * value. The body must not hold another loop or block.
 */
export function unrollQuads(text: string, quads: number): string {
  if (quads > MOST) return text
  return text.replaceAll(/for \(var i = 0u; i < QUADS; i\+\+\) \{([^{}]*)\}/g, (_, body: string) =>
    Array.from({ length: quads }, (_, i) => `{${body.replaceAll(/\bi\b/g, `${i}u`)}}`).join('\n'),
  )
}
