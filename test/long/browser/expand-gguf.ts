// Rewrites a GGUF file with every weight in f32. llama.cpp rounds activations to eight bits where weights are quantised, and
// to halves where they are f16; only with f32 weights does it compute what the weights say.

import type { ByteSource } from '#core/formats/byte-source.ts'
import { readGguf } from '#core/formats/gguf.ts'
import { BLOCKS } from '#core/formats/tensor-entry.ts'
import { dequantise } from '#core/numeric/dequantise.ts'

const F32_TYPE = 0
const PIECE_BLOCKS = 65_536

export async function expandGguf(source: ByteSource): Promise<Blob> {
  const file = await readGguf(source)
  const text = new TextEncoder()
  const names = file.tensors.map(({ name }) => text.encode(name))
  const entryBytes = (index: number) =>
    8 + (names[index]?.length ?? 0) + 4 + (file.tensors[index]?.shape.length ?? 0) * 8 + 12
  const directoryBytes = file.tensors.reduce((sum, _, index) => sum + entryBytes(index), 0)

  // The directory is the end of the header; names and shapes stay, types and offsets change.
  const header = file.header.slice()
  const view = new DataView(header.buffer)
  let at = header.length - directoryBytes
  let offset = 0
  const align = (value: number) => Math.ceil(value / file.alignment) * file.alignment
  const sizes = file.tensors.map(({ shape }) => shape.reduce((product, length) => product * length, 4))
  for (const [index, bytes] of sizes.entries()) {
    at += entryBytes(index)
    view.setUint32(at - 12, F32_TYPE, true)
    view.setBigUint64(at - 8, BigInt(offset), true)
    offset = align(offset + bytes)
  }
  const parts: BlobPart[] = [header, new Uint8Array(align(header.length) - header.length)]
  for (const [index, tensor] of file.tensors.entries()) {
    const step = PIECE_BLOCKS * BLOCKS[tensor.dtype].bytes
    for (let from = 0; from < tensor.byteLength; from += step) {
      const piece = await source.read(tensor.offset + from, Math.min(step, tensor.byteLength - from))
      // As a blob at once, so that the browser and not this page's heap holds it.
      parts.push(new Blob([dequantise(tensor.dtype, piece)]))
    }
    const bytes = sizes[index] ?? 0
    parts.push(new Uint8Array(align(bytes) - bytes))
  }
  return new Blob(parts)
}
