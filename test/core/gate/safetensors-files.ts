// Safetensors files taken apart and put together again, in order or out of it.

export interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly number[]
}

export type Directory = Readonly<Record<string, Entry | Readonly<Record<string, string>>>>

export function entriesOf(file: Uint8Array): { readonly directory: Directory; readonly data: Uint8Array } {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true))
  const directory = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Directory
  return { directory, data: file.slice(8 + length) }
}

/** @param least length of the directory, filled up with spaces. */
export function safetensorsOf(directory: Directory | string, data: Uint8Array, least = 0): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(typeof directory === 'string' ? directory : JSON.stringify(directory))
  const length = Math.max(least, Math.ceil(json.length / 8) * 8)
  const file = new Uint8Array(8 + length + data.length).fill(0x20, 8, 8 + length)
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true)
  file.set(json, 8)
  file.set(data, 8 + length)
  return file
}

export function withEntry(directory: Directory, name: string, change: object): Directory {
  return { ...directory, [name]: { ...directory[name], ...change } }
}

/** With another length of the directory in its first eight bytes. */
export function withHeader(file: Uint8Array, change: (length: bigint) => bigint): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(file)
  const view = new DataView(changed.buffer)
  view.setBigUint64(0, change(view.getBigUint64(0, true)), true)
  return changed
}
