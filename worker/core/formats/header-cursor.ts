// Reads a file header front to back over a ByteSource that is only asked for as much as the header turns out to need:
// the window grows by doubling reads, so a header of megabytes costs a handful of requests.

import { CentramError } from '#core/errors.ts'
import type { ByteSource } from '#core/formats/byte-source.ts'

const FIRST_READ_BYTES = 256 * 1024
const LARGEST_READ_BYTES = 8 * 1024 * 1024

// ignoreBOM keeps a leading U+FEFF, which is a token of its own in some vocabularies.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

export class HeaderCursor {
  /** Next byte to be read, from the start of the file. */
  position = 0
  private bytes = new Uint8Array(0)
  private view = new DataView(this.bytes.buffer)
  private loaded = 0
  private readonly source: ByteSource
  private readonly capBytes: number
  private readonly signal: AbortSignal | undefined

  /** @param capBytes a header longer than this is refused. */
  constructor(source: ByteSource, capBytes: number, signal?: AbortSignal) {
    this.source = source
    this.capBytes = capBytes
    this.signal = signal
  }

  /** True when the next `count` bytes are here already, so that a caller in a loop need not await. */
  has(count: number): boolean {
    return this.position + count <= this.loaded
  }

  /** Makes the next `count` bytes available; `what` names them in errors. */
  async need(count: number, what: string): Promise<void> {
    const end = this.position + count
    if (end <= this.loaded) return
    if (end > this.source.size) {
      throw new CentramError(
        'FORMAT_TRUNCATED',
        `${this.source.name}: ${what} at byte ${this.position} needs ${count} bytes, but the file ends at byte ` +
          `${this.source.size}. It was probably cut off while it was copied; fetch it again.`,
      )
    }
    if (end > this.capBytes) {
      throw new CentramError(
        'FORMAT_INVALID',
        `${this.source.name}: the header is longer than ${this.capBytes} bytes (${what} at byte ${this.position}). ` +
          'The file is damaged or was not made by a known tool; fetch it again.',
      )
    }
    const step = Math.min(Math.max(FIRST_READ_BYTES, this.loaded), LARGEST_READ_BYTES)
    const target = Math.min(Math.max(end, this.loaded + step), this.source.size, this.capBytes)
    const grown = new Uint8Array(target)
    grown.set(this.bytes.subarray(0, this.loaded))
    const chunk = await this.source.read(this.loaded, target - this.loaded, this.signal)
    grown.set(chunk, this.loaded)
    this.bytes = grown
    this.view = new DataView(grown.buffer)
    this.loaded = target
  }

  // What follows reads bytes that `need` or `has` has made sure of.

  u8(): number {
    return this.view.getUint8(this.advance(1))
  }
  i8(): number {
    return this.view.getInt8(this.advance(1))
  }
  u16(): number {
    return this.view.getUint16(this.advance(2), true)
  }
  i16(): number {
    return this.view.getInt16(this.advance(2), true)
  }
  u32(): number {
    return this.view.getUint32(this.advance(4), true)
  }
  i32(): number {
    return this.view.getInt32(this.advance(4), true)
  }
  f32(): number {
    return this.view.getFloat32(this.advance(4), true)
  }
  f64(): number {
    return this.view.getFloat64(this.advance(8), true)
  }
  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), true)
  }
  i64(): bigint {
    return this.view.getBigInt64(this.advance(8), true)
  }
  text(length: number): string {
    const start = this.advance(length)
    return utf8.decode(this.bytes.subarray(start, start + length))
  }
  /** A copy of the next `length` bytes. */
  raw(length: number): Uint8Array<ArrayBuffer> {
    const start = this.advance(length)
    return this.bytes.slice(start, start + length)
  }

  /** Everything read so far, from the start of the file to `position`. */
  consumed(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.position)
  }

  private advance(count: number): number {
    const at = this.position
    if (at + count > this.loaded) throw new CentramError('INTERNAL', `read past the loaded header at byte ${at}`)
    this.position = at + count
    return at
  }
}
