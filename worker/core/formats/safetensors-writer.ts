// Writes safetensors: the directory first, then tensor after tensor, so that a file of any size needs no more memory than
// one tensor. Format: https://github.com/huggingface/safetensors#format

import { CentramError } from '#core/errors.ts'
import { ELEMENT_BYTES, type SafetensorsEntry } from '#core/formats/safetensors.ts'

export interface TensorPlan {
  readonly name: string
  /** A type of the format: `F32`, `F16`, `BF16` … */
  readonly dtype: string
  readonly shape: readonly number[]
}

export interface SafetensorsLayout {
  /** The length field and the JSON directory. */
  readonly header: Uint8Array<ArrayBuffer>
  /** In the order in which the file holds them. */
  readonly entries: readonly SafetensorsEntry[]
  /** Bytes of the whole file. */
  readonly size: number
}

/** The file for these tensors: wide elements first, so that all are aligned, then by name. */
export function layOutSafetensors(
  tensors: readonly TensorPlan[],
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  const planned = tensors
    .map((tensor) => ({ ...tensor, width: widthOf(tensor) }))
    .sort((a, b) => b.width - a.width || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const parts: string[] = []
  if (Object.keys(metadata).length > 0) parts.push(`"__metadata__":${JSON.stringify(metadata)}`)
  const spans: { begin: number; byteLength: number }[] = []
  let end = 0
  for (const [i, { name, dtype, shape, width }] of planned.entries()) {
    if (name === '__metadata__' || planned[i - 1]?.name === name) {
      throw new CentramError('BAD_ARGUMENT', `A safetensors file cannot hold two tensors called "${name}".`)
    }
    const byteLength = shape.reduce((product, length) => product * length, width)
    spans.push({ begin: end, byteLength })
    // Written by hand: an object would put names that are whole numbers first.
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [end, end + byteLength] })}`)
    end += byteLength
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`)
  // Spaces up to a multiple of eight keep the data aligned.
  const header = new Uint8Array(8 + Math.ceil(json.length / 8) * 8).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(header.length - 8), true)
  header.set(json, 8)
  const entries = planned.map(({ name, dtype, shape }, i) => {
    const { begin = 0, byteLength = 0 } = spans[i] ?? {}
    return { name, dtype, shape, offset: header.length + begin, byteLength }
  })
  return { header, entries, size: header.length + end }
}

export interface SafetensorsWriter {
  /** The next tensor of the layout's `entries`. */
  write(name: string, bytes: Uint8Array): Promise<void>
  /** Throws unless every tensor was written. */
  finish(): void
}

/** Writes the header at once. @param append takes the file's bytes from its beginning to its end. */
export async function createSafetensorsWriter(
  layout: SafetensorsLayout,
  append: (bytes: Uint8Array) => Promise<void>,
): Promise<SafetensorsWriter> {
  let next = 0
  await append(layout.header)
  return {
    async write(name, bytes) {
      const entry = layout.entries[next]
      if (entry?.name !== name || entry.byteLength !== bytes.length) {
        throw new CentramError(
          'INTERNAL',
          `The tensor "${name}" of ${bytes.length} bytes was written where "${entry?.name ?? 'nothing'}" of ` +
            `${entry?.byteLength ?? 0} bytes belongs.`,
        )
      }
      next++
      await append(bytes)
    },
    finish() {
      if (next === layout.entries.length) return
      throw new CentramError('INTERNAL', `The tensor "${layout.entries[next]?.name}" was never written.`)
    },
  }
}

function widthOf({ name, dtype }: TensorPlan): number {
  const width = Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype] : undefined
  if (width === undefined) {
    throw new CentramError(
      'FORMAT_UNSUPPORTED',
      `The tensor "${name}" of type ${dtype} cannot be written as safetensors.`,
    )
  }
  return width
}
