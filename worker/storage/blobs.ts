// Large files under names, written and read at any place: what the model cache stands on.

export interface BlobFile {
  /** In bytes. */
  readonly size: number
  /** Up to `length` bytes from `offset`: fewer where the file ends. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>
  /** Throws `STORAGE_FULL` when there is no room. What is written counts as kept after `flush` only. */
  write(offset: number, bytes: Uint8Array): Promise<void>
  flush(): Promise<void>
  truncate(size: number): Promise<void>
  close(): Promise<void>
}

export interface Blobs {
  /** Opens a file, made empty if there was none. Only one at a time may have it open. */
  open(name: string): Promise<BlobFile>
  /** No error when there is none. */
  remove(name: string): Promise<void>
  list(): Promise<string[]>
  /** Bytes allowed to this site and in use by it, where the browser says so. */
  estimate(): Promise<StorageEstimate | undefined>
}

export interface StorageEstimate {
  readonly quota: number
  readonly usage: number
}
