// Reads a body's schema: in words for docs/protocol.md, and as the number of bytes that its longest encoding has.

import type { z } from 'zod/mini'
import { byteFields } from '#core/protocol/fields.ts'

type Schema = z.core.$ZodType

/** The parts of zod's definitions that fields are made of. */
interface Definition {
  readonly type: string
  readonly shape?: Readonly<Record<string, Schema>>
  readonly element?: Schema
  readonly innerType?: Schema
  readonly options?: readonly Schema[]
  readonly entries?: Readonly<Record<string, string>>
  readonly values?: readonly unknown[]
  readonly format?: string
  readonly checks?: readonly { readonly _zod: { readonly def: Readonly<Record<string, unknown>> } }[]
}

const definitionOf = (schema: Schema) => schema._zod.def as unknown as Definition

function limit(definition: Definition, check: string, key: string): number | undefined {
  const found = definition.checks?.find((candidate) => candidate._zod.def['check'] === check)
  return found?._zod.def[key] as number | undefined
}

const patternOf = (definition: Definition) =>
  definition.checks?.map((check) => check._zod.def['pattern']).find((pattern) => pattern instanceof RegExp)

/** Characters of the longest text that `pattern` takes: one class or digit with a repeat after another. */
function patternLength(pattern: RegExp): number {
  let length = 0
  for (const [, repeat] of pattern.source.matchAll(/\[[^\]]+\](\{[\d,]+\})?/g))
    length += repeat === undefined ? 1 : Number(repeat.match(/(\d+)\}/)?.[1])
  return length
}

export const fieldsOf = (schema: Schema): readonly [string, Schema][] =>
  Object.entries(definitionOf(schema).shape ?? {})
export const isOptional = (schema: Schema): boolean => definitionOf(schema).type === 'optional'

/** The names of the objects that a body carries. */
export function heldObjects(schema: Schema): string[] {
  const held = byteFields.get(schema)?.holds
  const definition = definitionOf(schema)
  const inner = [definition.element, definition.innerType, ...(definition.options ?? [])].filter(
    (part) => part !== undefined,
  )
  return [
    ...(held === undefined ? [] : [held]),
    ...[...Object.values(definition.shape ?? {}), ...inner].flatMap((part) => heldObjects(part)),
  ]
}

/** A schema in a few words, such as `list ≤ 64 of {node: 32 bytes, first: 0…4096}`. Throws for what it does not know. */
export function describeSchema(schema: Schema): string {
  const definition = definitionOf(schema)
  switch (definition.type) {
    case 'object':
      return `{${fieldsOf(schema)
        .map(([key, field]) => `${key}${isOptional(field) ? '?' : ''}: ${describeSchema(field)}`)
        .join(', ')}}`
    case 'array': {
      const exact = limit(definition, 'length_equals', 'length')
      const size = exact === undefined ? `≤ ${limit(definition, 'max_length', 'maximum')}` : `of ${exact}`
      return `list ${size}${exact === undefined ? ' of' : ':'} ${describeSchema(definition.element as Schema)}`
    }
    case 'optional':
      return describeSchema(definition.innerType as Schema)
    case 'nullable':
      return `${describeSchema(definition.innerType as Schema)} or null`
    case 'union':
      return (definition.options ?? []).map(describeSchema).join(' or ')
    case 'enum':
      return Object.values(definition.entries ?? {})
        .map((value) => `“${value}”`)
        .join(' ')
    case 'literal':
      return (definition.values ?? []).map((value) => `“${String(value)}”`).join(' ')
    case 'boolean':
      return 'true or false'
    case 'string': {
      const pattern = patternOf(definition)
      return pattern === undefined ? `text ≤ ${limit(definition, 'max_length', 'maximum')}` : `text ${pattern.source}`
    }
    case 'number': {
      const low = limit(definition, 'greater_than', 'value')
      const high = limit(definition, 'less_than', 'value')
      if (definition.format !== 'safeint') {
        return high !== undefined ? `number ${low}…${high}` : low === undefined ? 'number' : `number ≥ ${low}`
      }
      if (high === Number.MAX_SAFE_INTEGER) return `${low}…2⁵³−1`
      return high === 0xffff_ffff ? 'u32' : `${low}…${high}`
    }
    case 'custom': {
      const field = byteFields.get(schema)
      if (field === undefined) throw new Error('a field of bytes says nothing of its lengths')
      if (field.holds !== undefined) return `*${field.holds}*`
      if (field.min === field.max) return `${field.min} bytes`
      return `bytes ≤ ${field.max}`
    }
    default:
      throw new Error(`docs/protocol.md has no words for the schema ${definition.type}`)
  }
}

/** Of a CBOR head for that length or number. */
const head = (value: number) => (value < 24 ? 1 : value < 256 ? 2 : value < 65536 ? 3 : value < 2 ** 32 ? 5 : 9)

/** Bytes of the longest encoding of a body; infinite where a field has no bound. */
export function longestEncoding(schema: Schema): number {
  const definition = definitionOf(schema)
  switch (definition.type) {
    case 'object': {
      const fields = fieldsOf(schema)
      return fields.reduce(
        (sum, [key, field]) => sum + head(key.length) + key.length + longestEncoding(field),
        head(fields.length),
      )
    }
    case 'array': {
      const length = limit(definition, 'length_equals', 'length') ?? limit(definition, 'max_length', 'maximum')
      if (length === undefined) return Infinity
      return head(length) + length * longestEncoding(definition.element as Schema)
    }
    case 'optional':
    case 'nullable':
      return longestEncoding(definition.innerType as Schema)
    case 'union':
      return Math.max(...(definition.options ?? []).map(longestEncoding))
    case 'enum':
    case 'literal': {
      const values = Object.values(definition.entries ?? {}).concat((definition.values ?? []).map(String))
      return Math.max(...values.map((value) => head(value.length) + value.length))
    }
    case 'boolean':
      return 1
    case 'string': {
      const pattern = patternOf(definition)
      // A UTF-16 unit takes three bytes at most.
      const bytes =
        pattern === undefined ? 3 * (limit(definition, 'max_length', 'maximum') ?? Infinity) : patternLength(pattern)
      return head(bytes) + bytes
    }
    case 'number': {
      const high = limit(definition, 'less_than', 'value')
      const low = limit(definition, 'greater_than', 'value')
      return definition.format === 'safeint' && high !== undefined && (low ?? -1) >= 0 ? head(high) : 9
    }
    case 'custom': {
      const max = byteFields.get(schema)?.max ?? Infinity
      return head(max) + max
    }
    default:
      return Infinity
  }
}
