// Reads a safetensors header: a length, a JSON directory, and tensor data that it must cover without gap or overlap.
// Format: https://github.com/huggingface/safetensors#format

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import { duplicateKey, isJsonObject, parseJsonObject } from '#core/formats/json-file.ts'

export interface SafetensorsEntry {
  /** As the file calls it. */
  readonly name: string
  /** As the file calls it; may be one that no weight can have here, such as `BOOL`. */
  readonly dtype: string
  readonly shape: readonly number[]
  /** Absolute position in the file, in bytes. */
  readonly offset: number
  readonly byteLength: number
}

export interface SafetensorsFile {
  readonly entries: readonly SafetensorsEntry[]
  /** The length field and the JSON directory. */
  readonly header: Uint8Array<ArrayBuffer>
}

const HEADER_CAP_BYTES = 32 * 1024 * 1024
const MAX_DIMENSIONS = 8
/** Bytes of one element of each type that the format knows and we read past. */
export const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
  U16: 2,
  I16: 2,
  F16: 2,
  BF16: 2,
  U32: 4,
  I32: 4,
  F32: 4,
  U64: 8,
  I64: 8,
  F64: 8,
}

export async function readSafetensors(source: ByteSource, signal?: AbortSignal): Promise<SafetensorsFile> {
  const { name, size } = source
  if (size < 10) {
    throw new CentramError(
      'FORMAT_TRUNCATED',
      `${name}: ${size} bytes are too few for a safetensors file. Fetch it again.`,
    )
  }
  const lengthField = await source.read(0, 8, signal)
  const declared = new DataView(lengthField.buffer, lengthField.byteOffset).getBigUint64(0, true)
  if (declared < 2n || declared > BigInt(HEADER_CAP_BYTES)) {
    throw invalid(name, 0, `it declares a directory of ${declared} bytes, so it is no safetensors file or damaged`)
  }
  const length = Number(declared)
  if (8 + length > size) {
    throw new CentramError(
      'FORMAT_TRUNCATED',
      `${name}: the directory should reach to byte ${8 + length}, but the file ends at byte ${size}. It was probably ` +
        'cut off while it was copied; fetch it again.',
    )
  }
  const header = await source.read(0, 8 + length, signal)
  const json = header.subarray(8)
  if (json[0] !== 0x7b) throw invalid(name, 8, 'the directory does not begin with "{"')
  const directory = parseJsonObject(name, json)
  const twice = duplicateKey(new TextDecoder().decode(json))
  if (twice !== undefined) throw invalid(name, 8, `the directory lists ${quote(twice)} twice`)

  const entries = Object.entries(directory)
    .filter(([key]) => key !== '__metadata__')
    .map(([key, value]) => readEntry(name, key, value, 8 + length))
  checkCoverage(source, 8 + length, entries)
  return { entries, header }
}

function readEntry(file: string, name: string, value: unknown, dataOffset: number): SafetensorsEntry {
  const { dtype, shape, data_offsets: offsets } = isJsonObject(value) ? value : {}
  if (typeof dtype !== 'string' || !isSizes(shape, MAX_DIMENSIONS) || !isSizes(offsets, 2) || offsets.length !== 2) {
    throw invalid(file, 8, `the entry of ${quote(name)} lacks a proper dtype, shape or data_offsets`)
  }
  const elementBytes = Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype] : undefined
  if (elementBytes === undefined) {
    throw new CentramError(
      'FORMAT_UNSUPPORTED',
      `${file}: the tensor ${quote(name)} has the element type ${quote(dtype)}. Read are F32, F16 and BF16; ` +
        'choose a file without quantisation, or a GGUF of this model.',
    )
  }
  const [begin = 0, end = 0] = offsets
  const byteLength = shape.reduce((product, length) => product * length, elementBytes)
  if (end - begin !== byteLength) {
    throw invalid(
      file,
      8,
      `the tensor ${quote(name)} of shape [${shape.join(', ')}] takes ${byteLength} bytes, but bytes ${begin} to ${end} ` +
        'are set aside for it',
    )
  }
  return { name, dtype, shape, offset: dataOffset + begin, byteLength }
}

function checkCoverage(source: ByteSource, dataOffset: number, entries: readonly SafetensorsEntry[]): void {
  let end = dataOffset
  for (const entry of [...entries].sort((a, b) => a.offset - b.offset || a.byteLength - b.byteLength)) {
    if (entry.offset !== end) {
      const what = entry.offset < end ? 'overlaps the tensor before it' : 'leaves a gap after the tensor before it'
      throw invalid(source.name, entry.offset, `the tensor ${quote(entry.name)} ${what}, which ends at byte ${end}`)
    }
    end += entry.byteLength
  }
  if (end > source.size) {
    throw new CentramError(
      'FORMAT_TRUNCATED',
      `${source.name}: its tensors reach to byte ${end}, but the file ends at byte ${source.size}. It was probably cut ` +
        'off while it was copied; fetch it again.',
    )
  }
  if (end < source.size) {
    throw invalid(source.name, end, `${source.size - end} bytes follow the last tensor that belong to none`)
  }
}

function isSizes(value: unknown, most: number): value is number[] {
  return (
    Array.isArray(value) &&
    value.length <= most &&
    value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0)
  )
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 128))
}

function invalid(name: string, at: number, problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `${name}: at byte ${at}: ${problem}. The file is damaged; fetch it again.`)
}
