// Stores every byte of a model without loading it, for a node that gives it on and need not compute.

import { errorCode, errorMessage } from '#core/errors.ts'
import type { ModelLibrary } from './model-library.ts'

/** Goes on where an earlier time stopped. Throws what fetching throws; what was stored stays. */
export async function storeModel(library: ModelLibrary, modelId: string, signal: AbortSignal): Promise<void> {
  const { config } = await library.open(modelId, signal)
  const before = library.list().find(({ id }) => id === modelId)?.status
  const settle = (status: 'listed' | 'failed', error: unknown) => {
    // A model that answers meanwhile goes on doing so.
    if (before === 'ready') library.setStatus(modelId, { status: 'ready', progress: 1 })
    else library.setStatus(modelId, { status, progress: 0, error: error === null ? null : wordsOf(error) })
  }
  try {
    await library.fetch(modelId, { first: 0, last: config.layers }, { signal, onProgress: () => undefined })
    settle('listed', null)
  } catch (error) {
    settle('failed', error)
    throw error
  }
}

const wordsOf = (error: unknown) => ({ code: errorCode(error), message: errorMessage(error) })
