// Zip archives without compression: what a PEFT folder leaves and enters the page as. Adapters hardly compress. Read are
// stored entries, and deflated ones through an `inflate` that is handed in. Format: PKWARE APPNOTE 6.3.10, §4.3.

import { CentramError } from '#core/errors.ts'
import { concatBytes, utf8 } from '#core/crypto/bytes.ts'

export interface ZipEntry {
  readonly name: string
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Raw deflate (RFC 1951) of `bytes`, which must give exactly `length` bytes. */
export type Inflate = (bytes: Uint8Array<ArrayBuffer>, length: number) => Promise<Uint8Array<ArrayBuffer>>

const LOCAL = 0x04034b50
const CENTRAL = 0x02014b50
const END = 0x06054b50
const END_BYTES = 22
const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
/** Names are UTF-8. */
const UTF8_FLAG = 0x0800
const ENCRYPTED_FLAG = 0x0001
/** 1 January 1980, the format's first day: an archive follows from its contents alone. */
const FIRST_DAY = 0x0021
const MAX_ENTRIES = 1024
const MAX_BYTES = 0xfffffffe

export function writeZip(entries: readonly ZipEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let offset = 0
  for (const { name, bytes } of entries) {
    const path = utf8(name)
    const fields = (view: DataView, at: number) => {
      view.setUint16(at, 20, true)
      view.setUint16(at + 2, UTF8_FLAG, true)
      view.setUint16(at + 8, FIRST_DAY, true)
      view.setUint32(at + 10, crc32(bytes), true)
      view.setUint32(at + 14, bytes.length, true)
      view.setUint32(at + 18, bytes.length, true)
      view.setUint16(at + 22, path.length, true)
    }
    const local = new DataView(new ArrayBuffer(LOCAL_BYTES))
    local.setUint32(0, LOCAL, true)
    fields(local, 4)
    const central = new DataView(new ArrayBuffer(CENTRAL_BYTES))
    central.setUint32(0, CENTRAL, true)
    central.setUint16(4, 20, true)
    fields(central, 6)
    central.setUint32(42, offset, true)
    parts.push(new Uint8Array(local.buffer), path, bytes)
    directory.push(new Uint8Array(central.buffer), path)
    offset += LOCAL_BYTES + path.length + bytes.length
  }
  if (offset > MAX_BYTES) throw new CentramError('BAD_ARGUMENT', `${offset} bytes are too many for a zip archive.`)
  const length = directory.reduce((sum, part) => sum + part.length, 0)
  const end = new DataView(new ArrayBuffer(END_BYTES))
  end.setUint32(0, END, true)
  end.setUint16(8, entries.length, true)
  end.setUint16(10, entries.length, true)
  end.setUint32(12, length, true)
  end.setUint32(16, offset, true)
  return concatBytes(...parts, ...directory, new Uint8Array(end.buffer))
}

/**
 * The files of an archive of at most `maxBytes` when unpacked; folders are left out. Throws `FORMAT_INVALID` or
 * `FORMAT_UNSUPPORTED`, naming the archive.
 */
export async function readZip(
  name: string,
  bytes: Uint8Array,
  maxBytes: number,
  inflate?: Inflate,
): Promise<ZipEntry[]> {
  const invalid = (problem: string) =>
    new CentramError('FORMAT_INVALID', `${name}: ${problem}. The archive is damaged or no zip; pack it again.`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let end = bytes.length - END_BYTES
  // A comment of up to 64 KiB may follow.
  while (end >= Math.max(0, bytes.length - END_BYTES - 0xffff) && view.getUint32(end, true) !== END) end--
  if (end < 0 || view.getUint32(end, true) !== END) throw invalid('it has no directory')
  const count = view.getUint16(end + 10, true)
  if (count > MAX_ENTRIES) throw invalid(`it holds ${count} entries`)
  let at = view.getUint32(end + 16, true)
  let left = maxBytes
  const entries: ZipEntry[] = []
  for (let index = 0; index < count; index++) {
    if (at + CENTRAL_BYTES > end || view.getUint32(at, true) !== CENTRAL) throw invalid('its directory is broken')
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)]
    const [crc, packed, size] = [16, 20, 24].map((field) => view.getUint32(at + field, true)) as [
      number,
      number,
      number,
    ]
    const nameLength = view.getUint16(at + 28, true)
    const next = at + CENTRAL_BYTES + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
    const local = view.getUint32(at + 42, true)
    if (next > end) throw invalid('its directory is broken')
    const path = new TextDecoder().decode(bytes.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameLength))
    at = next
    if (path.endsWith('/')) continue
    if ((flags & ENCRYPTED_FLAG) !== 0) throw new CentramError('FORMAT_UNSUPPORTED', `${name}: ${path} is encrypted.`)
    if (size > left) throw invalid(`its files hold more than ${maxBytes} bytes`)
    left -= size
    if (local + LOCAL_BYTES > bytes.length || view.getUint32(local, true) !== LOCAL) throw invalid(`${path} is missing`)
    const first = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true)
    if (first + packed > bytes.length) throw invalid(`${path} is cut off`)
    const stored = bytes.slice(first, first + packed)
    const content = await unpack(stored)
    if (content.length !== size || crc32(content) !== crc) throw invalid(`${path} does not match its checksum`)
    entries.push({ name: path, bytes: content })

    async function unpack(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
      if (method === 0) return data
      if (method === 8 && inflate) return inflate(data, size)
      throw new CentramError(
        'FORMAT_UNSUPPORTED',
        `${name}: ${path} is packed by method ${method}. Store or deflate it.`,
      )
    }
  }
  return entries
}

const TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) value = (value >>> 8) ^ (TABLE[(value ^ byte) & 0xff] as number)
  return ~value >>> 0
}
