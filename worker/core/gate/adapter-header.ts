// What the header of an adapter's safetensors file may be: far less than the format allows. Whatever is free in a header can
// be another file's beginning or say one thing to one parser and another to the next, so nothing is left free but names,
// shapes and a short note. Cases: the audit of safetensors (Trail of Bits, 2023) and the format's own rules.

import { CentramError } from '#core/errors.ts'
import { duplicateKey, isJsonObject, parseJsonObject } from '#core/formats/json-file.ts'
import { ADAPTER_WEIGHTS_FILE } from '#core/genome/peft-config.ts'

/** A hundred layers of seven linears, two matrices each of 150 bytes, take 210 kB. */
const MAX_HEADER_BYTES = 1024 * 1024
const MAX_TENSORS = 8192
const MAX_NOTE_BYTES = 512
/** What a note may be written in: no markup, no other file's magic. */
const NOTE = /^[A-Za-z0-9 ._:/+-]*$/
const ENTRY_KEYS = ['data_offsets', 'dtype', 'shape']
const SPACE = 0x20
const TILDE = 0x7e

/** Throws `FORMAT_INVALID` or `FORMAT_TRUNCATED`. Whether the tensors cover the file is for the format's own reader to say. */
export function checkAdapterHeader(file: Uint8Array): void {
  const header = headerOf(file)
  for (const byte of header) {
    if (byte < SPACE || byte > TILDE) throw invalid('its directory holds other characters than printable ASCII')
  }
  const { __metadata__: note, ...entries } = parseJsonObject(ADAPTER_WEIGHTS_FILE, header)
  const twice = duplicateKey(new TextDecoder().decode(header))
  if (twice !== undefined) throw invalid(`its directory says "${twice.slice(0, 80)}" twice`)
  checkNote(note)
  const names = Object.keys(entries)
  if (names.length === 0 || names.length > MAX_TENSORS) throw invalid(`it lists ${names.length} tensors`)
  for (const [name, entry] of Object.entries(entries)) {
    const keys = isJsonObject(entry) ? Object.keys(entry).sort() : []
    if (keys.join() !== ENTRY_KEYS.join()) {
      throw invalid(`its entry "${name.slice(0, 80)}" says something else than dtype, shape and data_offsets`)
    }
  }
  if (endsAsZip(file)) throw invalid('it is a zip archive at the same time')
}

function headerOf(file: Uint8Array): Uint8Array {
  if (file.length < 10) throw new CentramError('FORMAT_TRUNCATED', 'The file is too short for a safetensors file.')
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const length = view.getBigUint64(0, true)
  if (length < 2n || length > BigInt(MAX_HEADER_BYTES)) {
    throw invalid(`it declares a directory of ${length} bytes; an adapter's has ${MAX_HEADER_BYTES} at most`)
  }
  // Every writer pads to eight, so that tensors are aligned; other lengths are other formats' magic numbers.
  if (length % 8n !== 0n) throw invalid(`its directory of ${length} bytes is not padded to a multiple of eight`)
  if (8n + length > BigInt(file.length)) {
    throw new CentramError('FORMAT_TRUNCATED', 'The file ends within its directory. Fetch it again.')
  }
  return file.subarray(8, 8 + Number(length))
}

function checkNote(note: unknown): void {
  if (note === undefined) return
  const pairs = isJsonObject(note) ? Object.entries(note) : null
  const isPlain = pairs?.every(([key, value]) => typeof value === 'string' && NOTE.test(key) && NOTE.test(value))
  if (!isPlain) throw invalid('its note holds more than plain words')
  const length = pairs?.reduce((sum, [key, value]) => sum + key.length + String(value).length, 0) ?? 0
  if (length > MAX_NOTE_BYTES) throw invalid(`its note has ${length} characters; ${MAX_NOTE_BYTES} are the most`)
}

const END_OF_ZIP = 0x06054b50
const CENTRAL_ENTRY = 0x02014b50
const END_BYTES = 22
const MAX_COMMENT = 0xffff

/** Whether an unzipper would find a directory at the end: it reads from there, whatever the file begins with. */
function endsAsZip(file: Uint8Array): boolean {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  for (let at = file.length - END_BYTES; at >= Math.max(0, file.length - END_BYTES - MAX_COMMENT); at--) {
    if (view.getUint32(at, true) !== END_OF_ZIP) continue
    const directory = at - view.getUint32(at + 12, true)
    const stated = view.getUint32(at + 16, true)
    for (const start of [directory, stated]) {
      if (start >= 0 && start + 4 <= file.length && view.getUint32(start, true) === CENTRAL_ENTRY) return true
    }
  }
  return false
}

function invalid(problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `The adapter's file was refused: ${problem}.`)
}
