// Unpacks what other programs' zips hold deflated, with the platform's own stream.

import { concatBytes } from '#core/crypto/bytes.ts'
import { CentramError } from '#core/errors.ts'
import type { Inflate } from '#core/genome/zip.ts'

export const inflate: Inflate = async (bytes, length) => {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw')).getReader()
  const parts: Uint8Array[] = []
  let got = 0
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      got += value.length
      // A small archive may claim to unpack without end.
      if (got > length) throw new CentramError('FORMAT_INVALID', 'more comes out of it than it says')
      parts.push(value)
    }
  } catch (cause) {
    await reader.cancel().catch(() => undefined)
    throw new CentramError('FORMAT_INVALID', 'The zip is damaged: a part of it cannot be unpacked. Pack it again.', {
      cause,
    })
  }
  return concatBytes(...parts)
}
