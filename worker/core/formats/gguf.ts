// Reads a GGUF v2/v3 header by ranges: metadata and the tensor directory. Total: whatever the bytes, it returns a
// checked header or throws a CentramError that says what is wrong and at which byte; every count is capped first.
// Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'
import { GGML_TYPE_NAMES } from '#core/formats/ggml-types.ts'
import { HeaderCursor } from '#core/formats/header-cursor.ts'
import { BLOCKS, byteLengthOf, type DType } from '#core/formats/tensor-entry.ts'
import { checkLayout } from '#core/formats/tensor-layout.ts'

export type GgufArray =
  | readonly string[]
  | readonly boolean[]
  | readonly bigint[]
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
export type GgufValue = number | bigint | boolean | string | GgufArray

export interface GgufTensor {
  readonly name: string
  readonly dtype: DType
  /** Row-major, innermost last (the file stores it innermost first). */
  readonly shape: readonly number[]
  /** Absolute position in the file, in bytes. */
  readonly offset: number
  readonly byteLength: number
}

export interface GgufFile {
  readonly version: number
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly GgufTensor[]
  readonly alignment: number
  /** Where the tensor data begins. */
  readonly dataOffset: number
  /** The header's bytes, from the magic to the end of the tensor directory. */
  readonly header: Uint8Array<ArrayBuffer>
}

const MAGIC = 0x46554747 // "GGUF"
const HEADER_CAP_BYTES = 64 * 1024 * 1024
const MAX_TENSORS = 65_536
const MAX_KEYS = 65_536
const MAX_KEY_BYTES = 65_535
const MAX_STRING_BYTES = 4 * 1024 * 1024
/** Of all arrays together. */
const MAX_ARRAY_ELEMENTS = 4_194_304
const MAX_DIMENSIONS = 4
const MAX_ALIGNMENT = 65_536
const DEFAULT_ALIGNMENT = 32

// Metadata value types.
const UINT8 = 0
const INT8 = 1
const UINT16 = 2
const INT16 = 3
const UINT32 = 4
const INT32 = 5
const FLOAT32 = 6
const BOOL = 7
const STRING = 8
const ARRAY = 9
const UINT64 = 10
const INT64 = 11 // 12 is FLOAT64
/** Bytes of one element, by type; the least a string takes is its length field. */
const ELEMENT_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8]

export async function readGguf(source: ByteSource, signal?: AbortSignal): Promise<GgufFile> {
  return new GgufReader(source, signal).read()
}

class GgufReader {
  private readonly source: ByteSource
  private readonly cursor: HeaderCursor
  private elementsLeft = MAX_ARRAY_ELEMENTS

  constructor(source: ByteSource, signal?: AbortSignal) {
    this.source = source
    this.cursor = new HeaderCursor(source, HEADER_CAP_BYTES, signal)
  }

  async read(): Promise<GgufFile> {
    const { cursor, source } = this
    await cursor.need(8, 'the GGUF magic and version')
    if (cursor.u32() !== MAGIC) this.fail(0, 'this is not a GGUF file (it does not begin with "GGUF")')
    const version = cursor.u32()
    if (version !== 2 && version !== 3) {
      const swapped = version > 0xffff
      throw new CentramError(
        'FORMAT_UNSUPPORTED',
        swapped
          ? `${source.name}: big-endian GGUF (byte 4) is not read. Convert the model with a little-endian tool.`
          : `${source.name}: GGUF version ${version} (byte 4) is not read, only 2 and 3. Convert the model anew.`,
      )
    }
    await cursor.need(16, 'the tensor and metadata counts')
    const tensorCount = this.count(cursor.u64(), MAX_TENSORS, 8, 'tensors')
    const keyCount = this.count(cursor.u64(), MAX_KEYS, 16, 'metadata entries')

    const metadata = new Map<string, GgufValue>()
    for (let i = 0; i < keyCount; i++) {
      const at = cursor.position
      const key = await this.string(MAX_KEY_BYTES, `the name of metadata entry ${i}`)
      if (metadata.has(key)) this.fail(at, `the metadata entry "${key}" occurs twice`)
      await cursor.need(4, `the type of "${key}"`)
      metadata.set(key, await this.value(cursor.u32(), key))
    }

    const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT
    if (typeof alignment !== 'number' || !isPowerOfTwo(alignment) || alignment > MAX_ALIGNMENT) {
      this.fail(cursor.position, `general.alignment is ${String(alignment)}, which is no power of two up to 65536`)
    }

    const declared: Declared[] = []
    for (let i = 0; i < tensorCount; i++) declared.push(await this.tensor(i))
    const dataOffset = Math.ceil(cursor.position / alignment) * alignment
    const tensors = declared.map((tensor) => this.place(tensor, dataOffset, alignment))
    checkLayout(source, dataOffset, tensors)
    return { version, metadata, tensors, alignment, dataOffset, header: cursor.consumed() }
  }

  private async value(type: number, key: string): Promise<GgufValue> {
    const { cursor } = this
    const at = cursor.position
    if (type === STRING) return this.string(MAX_STRING_BYTES, `"${key}"`)
    if (type === ARRAY) return this.array(key)
    const size = ELEMENT_BYTES[type]
    if (size === undefined) this.fail(at - 4, `"${key}" has the unknown value type ${type}`)
    await cursor.need(size, `"${key}"`)
    switch (type) {
      case UINT8:
        return cursor.u8()
      case INT8:
        return cursor.i8()
      case UINT16:
        return cursor.u16()
      case INT16:
        return cursor.i16()
      case UINT32:
        return cursor.u32()
      case INT32:
        return cursor.i32()
      case FLOAT32:
        return cursor.f32()
      case BOOL:
        return cursor.u8() !== 0
      case UINT64:
        return smallest(cursor.u64())
      case INT64:
        return smallest(cursor.i64())
      default:
        return cursor.f64()
    }
  }

  private async array(key: string): Promise<GgufArray> {
    const { cursor } = this
    const at = cursor.position
    await cursor.need(12, `the array "${key}"`)
    const type = cursor.u32()
    const size = ELEMENT_BYTES[type]
    if (size === undefined) this.fail(at, `the array "${key}" has the unknown element type ${type}`)
    if (type === ARRAY) this.fail(at, `"${key}" is an array of arrays, which no known model file has`)
    const count = this.count(cursor.u64(), this.elementsLeft, size, `elements of "${key}"`)
    this.elementsLeft -= count
    if (type === STRING) {
      const strings: string[] = []
      for (let i = 0; i < count; i++) {
        strings.push(this.stringNow() ?? (await this.string(MAX_STRING_BYTES, `element ${i} of "${key}"`)))
      }
      return strings
    }
    await cursor.need(count * size, `the array "${key}"`)
    const bytes = cursor.raw(count * size)
    switch (type) {
      case UINT8:
        return bytes
      case INT8:
        return new Int8Array(bytes.buffer)
      case UINT16:
        return new Uint16Array(bytes.buffer)
      case INT16:
        return new Int16Array(bytes.buffer)
      case UINT32:
        return new Uint32Array(bytes.buffer)
      case INT32:
        return new Int32Array(bytes.buffer)
      case FLOAT32:
        return new Float32Array(bytes.buffer)
      case BOOL:
        return Array.from(bytes, (byte) => byte !== 0)
      case UINT64:
        return Array.from(new BigUint64Array(bytes.buffer))
      case INT64:
        return Array.from(new BigInt64Array(bytes.buffer))
      default:
        return new Float64Array(bytes.buffer)
    }
  }

  private async tensor(index: number): Promise<Declared> {
    const { cursor } = this
    const at = cursor.position
    const name = await this.string(MAX_KEY_BYTES, `the name of tensor ${index}`)
    await cursor.need(4, `the shape of tensor "${name}"`)
    const dimensions = cursor.u32()
    if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
      this.fail(cursor.position - 4, `tensor "${name}" has ${dimensions} dimensions, not 1 to ${MAX_DIMENSIONS}`)
    }
    await cursor.need(dimensions * 8 + 12, `the shape of tensor "${name}"`)
    const shape: number[] = []
    let elements = 1
    for (let i = 0; i < dimensions; i++) {
      const length = smallest(cursor.u64())
      if (typeof length !== 'number' || length < 1) {
        this.fail(cursor.position - 8, `tensor "${name}" has a dimension of ${length}`)
      }
      elements *= length
      if (!Number.isSafeInteger(elements)) this.fail(cursor.position - 8, `tensor "${name}" has too many elements`)
      shape.unshift(length)
    }
    const typeNumber = cursor.u32()
    const dtype = GGML_TYPE_NAMES[typeNumber]
    if (dtype === undefined || !(dtype in BLOCKS)) {
      throw new CentramError(
        'FORMAT_UNSUPPORTED',
        `${this.source.name}: tensor "${name}" (byte ${at}) is stored as ${dtype ?? `unknown type ${typeNumber}`}. ` +
          `Read are ${Object.keys(BLOCKS).join(', ')}; choose another quantisation of this model, such as Q4_K_M or Q8_0.`,
      )
    }
    const row = shape.at(-1) ?? 0
    const block = BLOCKS[dtype as DType]
    if (row % block.elements !== 0) {
      this.fail(at, `tensor "${name}" has rows of ${row} elements, not whole ${dtype} blocks of ${block.elements}`)
    }
    const offset = smallest(cursor.u64())
    if (typeof offset !== 'number') this.fail(cursor.position - 8, `tensor "${name}" lies at ${offset}, past any file`)
    return { name, dtype: dtype as DType, shape, elements, offset, at }
  }

  private place(tensor: Declared, dataOffset: number, alignment: number): GgufTensor {
    const { name, dtype, shape, elements, offset, at } = tensor
    if (offset % alignment !== 0) {
      this.fail(at, `tensor "${name}" begins at ${offset} in the data, which is no multiple of ${alignment}`)
    }
    return { name, dtype, shape, offset: dataOffset + offset, byteLength: byteLengthOf(dtype, elements) }
  }

  /** A declared count, once it is known to be within `most` and to fit in what is left of the file. */
  private count(declared: bigint, most: number, leastBytes: number, what: string): number {
    const at = this.cursor.position - 8
    if (declared > BigInt(most)) this.fail(at, `it declares ${declared} ${what}, more than ${most}`)
    const count = Number(declared)
    if (count * leastBytes > this.source.size - this.cursor.position) {
      throw new CentramError(
        'FORMAT_TRUNCATED',
        `${this.source.name}: at byte ${at} it declares ${count} ${what}, more than fit before the file ends at byte ` +
          `${this.source.size}. It was probably cut off while it was copied; fetch it again.`,
      )
    }
    return count
  }

  private async string(most: number, what: string): Promise<string> {
    const { cursor } = this
    await cursor.need(8, `the length of ${what}`)
    const length = this.count(cursor.u64(), most, 1, `bytes in ${what}`)
    await cursor.need(length, what)
    return cursor.text(length)
  }

  /** The next string when all of it is loaded and within the cap; else nothing is read. Keeps long arrays quick. */
  private stringNow(): string | undefined {
    const { cursor } = this
    if (!cursor.has(8)) return undefined
    const before = cursor.position
    const length = Number(cursor.u64())
    if (length <= MAX_STRING_BYTES && cursor.has(length)) return cursor.text(length)
    cursor.position = before
    return undefined
  }

  private fail(at: number, what: string): never {
    throw new CentramError(
      'FORMAT_INVALID',
      `${this.source.name}: at byte ${at}: ${what}. The file is damaged; fetch it again.`,
    )
  }
}

interface Declared {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly elements: number
  /** Within the data section. */
  readonly offset: number
  /** Where the directory entry begins. */
  readonly at: number
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(value) && value > 0 && (value & (value - 1)) === 0
}

/** As a number where that is exact. */
function smallest(value: bigint): number | bigint {
  const asNumber = Number(value)
  return Number.isSafeInteger(asNumber) ? asNumber : value
}
