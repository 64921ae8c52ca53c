// Opens a model from one GGUF file, or from all parts of one that was split.

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import { fingerprintOf } from '#core/formats/fingerprint.ts'
import { configFromGguf, unsupported } from '#core/formats/gguf-config.ts'
import { GgufMetadata } from '#core/formats/gguf-metadata.ts'
import { tokenizerFromGguf } from '#core/formats/gguf-tokenizer.ts'
import { readGguf, type GgufFile } from '#core/formats/gguf.ts'
import { checkModel } from '#core/formats/model-tensors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { TensorEntry } from '#core/formats/tensor-entry.ts'

interface Part {
  readonly source: ByteSource
  readonly file: GgufFile
  readonly metadata: GgufMetadata
}

export async function openGguf(sources: readonly ByteSource[], signal?: AbortSignal): Promise<OpenedModel> {
  const parts: Part[] = []
  for (const source of sources) {
    const file = await readGguf(source, signal)
    parts.push({ source, file, metadata: new GgufMetadata(source.name, file.metadata) })
  }
  const first = inOrder(parts)
  const { metadata, source } = first

  const tensors = new Map<string, TensorEntry>()
  for (const [index, part] of parts.entries()) {
    for (const tensor of part.file.tensors) {
      if (tensors.has(tensor.name)) {
        throw new CentramError(
          'FORMAT_INVALID',
          `${part.source.name}: the tensor "${tensor.name}" is in another part too.`,
        )
      }
      tensors.set(tensor.name, { ...tensor, source: index })
    }
  }

  const ropeDivisors = await takeRopeDivisors(parts, tensors, signal)
  const config = configFromGguf(metadata, (name) => tensors.get(name)?.shape, ropeDivisors)
  checkModel(source.name, config, tensors)
  const tokenizer = tokenizerFromGguf(metadata, config.vocabularySize)
  const chatTemplate = metadata.string('tokenizer.chat_template')
  return {
    format: 'gguf',
    config,
    tensors,
    sources: parts.map((part) => part.source),
    tokenizer,
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
    templateTokens: tokenizer.kind === 'gguf' ? templateTokensOf(tokenizer) : {},
    fingerprint: fingerprintOf(parts.map((part) => ({ header: part.file.header, size: part.source.size }))),
  }
}

/** Puts the parts of a split file into their order and returns the first, which holds the metadata. */
function inOrder(parts: Part[]): Part {
  const numberOf = (part: Part): number => part.metadata.integer('split.no', 0, 65_535) ?? 0
  parts.sort((a, b) => numberOf(a) - numberOf(b))
  const first = parts[0]
  if (first === undefined) throw new CentramError('BAD_ARGUMENT', 'No file was given. Choose a .gguf file.')
  const count = first.metadata.integer('split.count', 0, 65_535) ?? 1
  if (Math.max(count, 1) !== parts.length || parts.some((part, index) => numberOf(part) !== index)) {
    throw new CentramError(
      'FORMAT_INVALID',
      parts.length === 1 || count > 1
        ? `${first.source.name}: this is part of a model in ${count} files, and ${parts.length} of them were given. ` +
            'Choose all of its parts together.'
        : `${first.source.name} and ${parts[1]?.source.name ?? ''} are two models. Choose one of them.`,
    )
  }
  return first
}

/** Reads `rope_freqs.weight` (Llama 3.x) and takes it out of the tensors: it belongs to the configuration. */
async function takeRopeDivisors(
  parts: readonly Part[],
  tensors: Map<string, TensorEntry>,
  signal: AbortSignal | undefined,
): Promise<number[] | undefined> {
  const entry = tensors.get('rope_freqs.weight')
  const part = parts[entry?.source ?? 0]
  if (entry === undefined || part === undefined) return undefined
  if (entry.dtype !== 'F32' || entry.byteLength > 65_536) {
    throw unsupported(part.source.name, `RoPE divisors stored as ${entry.dtype} [${entry.shape.join(', ')}]`)
  }
  const bytes = await part.source.read(entry.offset, entry.byteLength, signal)
  tensors.delete(entry.name)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: entry.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true))
}

function templateTokensOf(spec: { tokens: readonly string[]; bos?: number; eos?: number }): Record<string, string> {
  const named: Record<string, string> = {}
  const bos = spec.tokens[spec.bos ?? -1]
  const eos = spec.tokens[spec.eos ?? -1]
  if (bos !== undefined) named['bos_token'] = bos
  if (eos !== undefined) named['eos_token'] = eos
  return named
}
