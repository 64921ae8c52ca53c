// What a tab keeps things in. Where the browser gives no storage (an address that is not secure, some private windows), the
// node still runs; what it learns is gone with the tab.

import { systemClock } from '../net/clock.ts'
import type { Blobs } from '../storage/blobs.ts'
import { createMemoryBlobs } from '../storage/memory-blobs.ts'
import { openOpfsBlobs } from '../storage/opfs-blobs.ts'
import { createMemoryRecords, openIndexedDbRecords, type Records } from '../storage/records.ts'

const DATABASE = 'centram'
const FOLDER = 'models'
/** Of models held in memory instead of on disk. */
const MEMORY_QUOTA_BYTES = 256 * 1024 * 1024

export async function openTabRecords(): Promise<Records> {
  try {
    return await openIndexedDbRecords(DATABASE)
  } catch {
    return createMemoryRecords()
  }
}

export async function openTabBlobs(): Promise<Blobs> {
  const storage = (navigator as { storage?: StorageManager }).storage
  try {
    if (storage) return await openOpfsBlobs(storage, FOLDER, systemClock)
  } catch {
    // As without storage.
  }
  return createMemoryBlobs(MEMORY_QUOTA_BYTES)
}
