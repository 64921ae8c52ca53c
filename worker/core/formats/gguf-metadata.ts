// Typed reading of GGUF metadata: each accessor names the key and what was expected when a file disagrees.

import { CentramError } from '#core/errors.ts'
import type { GgufValue } from '#core/formats/gguf.ts'

export class GgufMetadata {
  readonly fileName: string
  private readonly values: ReadonlyMap<string, GgufValue>

  constructor(fileName: string, values: ReadonlyMap<string, GgufValue>) {
    this.fileName = fileName
    this.values = values
  }

  has(key: string): boolean {
    return this.values.has(key)
  }

  string(key: string): string | undefined {
    const value = this.values.get(key)
    if (value === undefined || typeof value === 'string') return value
    this.refuse(key, 'a string')
  }

  number(key: string): number | undefined {
    const value = this.values.get(key)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isFinite(value)) return value
    this.refuse(key, 'a finite number')
  }

  /** A whole number in `[least, most]`. */
  integer(key: string, least: number, most: number): number | undefined {
    const value = this.values.get(key)
    if (value === undefined) return undefined
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
    this.refuse(key, `a whole number from ${least} to ${most}`)
  }

  /** Like `integer`; an array with one value per layer is taken when all of them agree. */
  uniformInteger(key: string, least: number, most: number): number | undefined {
    const value = this.values.get(key)
    if (!(value instanceof Int32Array || value instanceof Uint32Array)) return this.integer(key, least, most)
    const first = value[0]
    if (first !== undefined && first >= least && first <= most && value.every((item) => item === first)) return first
    throw new CentramError(
      'MODEL_UNSUPPORTED',
      `${this.fileName}: "${key}" differs from layer to layer, which is not supported. Choose another model.`,
    )
  }

  boolean(key: string): boolean | undefined {
    const value = this.values.get(key)
    if (value === undefined || typeof value === 'boolean') return value
    this.refuse(key, 'true or false')
  }

  strings(key: string): readonly string[] | undefined {
    const value = this.values.get(key)
    if (value === undefined) return undefined
    if (Array.isArray(value) && (value.length === 0 || typeof value[0] === 'string')) return value as readonly string[]
    this.refuse(key, 'an array of strings')
  }

  int32s(key: string): Int32Array | undefined {
    const value = this.values.get(key)
    if (value === undefined || value instanceof Int32Array) return value
    if (value instanceof Uint32Array) return Int32Array.from(value)
    this.refuse(key, 'an array of 32-bit integers')
  }

  float32s(key: string): Float32Array | undefined {
    const value = this.values.get(key)
    if (value === undefined || value instanceof Float32Array) return value
    if (value instanceof Float64Array) return Float32Array.from(value)
    this.refuse(key, 'an array of numbers')
  }

  /** What an accessor found, once it must be there. */
  required<T>(key: string, value: T | undefined): T {
    if (value !== undefined) return value
    throw new CentramError(
      'FORMAT_INVALID',
      `${this.fileName}: the metadata entry "${key}" is missing. The file was not converted as llama.cpp does it; ` +
        'convert it anew or choose another file.',
    )
  }

  private refuse(key: string, expected: string): never {
    const value = this.values.get(key)
    const shown = typeof value === 'object' ? 'an array' : JSON.stringify(String(value)).slice(0, 80)
    throw new CentramError(
      'FORMAT_INVALID',
      `${this.fileName}: the metadata entry "${key}" is ${shown} where ${expected} belongs. Fetch the file again.`,
    )
  }
}
