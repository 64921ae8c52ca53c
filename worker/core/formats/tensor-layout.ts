// Checks where a file's tensors lie: each name once, each within the file, no two over one another.

import { CentramError } from '#core/errors.ts'

interface Placed {
  readonly name: string
  /** Absolute, in bytes. */
  readonly offset: number
  readonly byteLength: number
}

/** Throws `FORMAT_INVALID` or `FORMAT_TRUNCATED` unless `tensors` lie apart in `[dataOffset, file.size)`. */
export function checkLayout(
  file: { readonly name: string; readonly size: number },
  dataOffset: number,
  tensors: readonly Placed[],
): void {
  const names = new Set<string>()
  for (const { name } of tensors) {
    if (names.has(name)) {
      throw new CentramError(
        'FORMAT_INVALID',
        `${file.name}: the tensor "${name}" is listed twice. Fetch the file again.`,
      )
    }
    names.add(name)
  }
  let end = dataOffset
  let before = 'the header'
  for (const tensor of [...tensors].sort((a, b) => a.offset - b.offset)) {
    if (tensor.offset < end) {
      throw new CentramError(
        'FORMAT_INVALID',
        `${file.name}: the tensor "${tensor.name}" begins at byte ${tensor.offset}, inside ${before}, which ends at ` +
          `byte ${end}. The file is damaged; fetch it again.`,
      )
    }
    end = tensor.offset + tensor.byteLength
    before = `the tensor "${tensor.name}"`
    if (!Number.isSafeInteger(end) || end > file.size) {
      throw new CentramError(
        'FORMAT_TRUNCATED',
        `${file.name}: the tensor "${tensor.name}" lies at bytes ${tensor.offset} to ${end}, but the file ends at byte ` +
          `${file.size}. It was probably cut off while it was copied; fetch it again.`,
      )
    }
  }
}
