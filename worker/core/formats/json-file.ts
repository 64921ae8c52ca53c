// Reads a JSON file whole, capped, into a checked object, and finds duplicate keys, which JSON.parse hides.

import { CentramError, errorMessage } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export interface JsonFile {
  readonly name: string
  readonly value: JsonObject
  readonly bytes: Uint8Array<ArrayBuffer>
}

export async function readJsonFile(source: ByteSource, capBytes: number, signal?: AbortSignal): Promise<JsonFile> {
  if (source.size > capBytes) {
    throw new CentramError(
      'FORMAT_INVALID',
      `${source.name}: ${source.size} bytes are more than such a file may have (${capBytes}). It is not what it is named.`,
    )
  }
  const bytes = await source.read(0, source.size, signal)
  return { name: source.name, value: parseJsonObject(source.name, bytes), bytes }
}

export function parseJsonObject(name: string, bytes: Uint8Array): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new CentramError(
      'FORMAT_INVALID',
      `${name}: not valid JSON (${errorMessage(cause).slice(0, 160)}). The file is damaged or cut off; fetch it again.`,
      { cause },
    )
  }
  if (!isJsonObject(value)) {
    throw new CentramError('FORMAT_INVALID', `${name}: a JSON object was expected. Choose the right file.`)
  }
  return value
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The first key that an object of a JSON text has twice, at whatever depth; the text must have passed JSON.parse. */
export function duplicateKey(text: string): string | undefined {
  /** Of every open object the keys so far; null for a list. */
  const open: (Set<string> | null)[] = []
  let expectsKey = false
  for (let i = 0; i < text.length; i++) {
    switch (text.charAt(i)) {
      case '{':
        open.push(new Set())
        expectsKey = true
        break
      case '[':
        open.push(null)
        expectsKey = false
        break
      case '}':
      case ']':
        open.pop()
        expectsKey = false
        break
      case ',':
        expectsKey = open.at(-1) !== null
        break
      case '"': {
        let end = i + 1
        while (text[end] !== '"' && end < text.length) end += text[end] === '\\' ? 2 : 1
        const keys = open.at(-1)
        if (expectsKey && keys) {
          const key = JSON.parse(text.slice(i, end + 1)) as string
          if (keys.has(key)) return key
          keys.add(key)
          expectsKey = false
        }
        i = end
        break
      }
    }
  }
  return undefined
}
