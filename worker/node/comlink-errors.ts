// Lets errors cross a Comlink port with their `code`: the default handler keeps only name, message and stack. The page has its
// twin in web/node/comlink-errors.ts.

import { transferHandlers, type TransferHandler } from 'comlink'
import { fromErrorRecord, toErrorRecord, type ErrorRecord } from '#core/error-record.ts'

/** Comlink marks what was thrown by wrapping it in `{ value }` under its own handler's test. */
interface Thrown {
  readonly value: unknown
}

export function keepErrorCodes(): void {
  const standard = transferHandlers.get('throw')
  if (!standard) return
  const handler: TransferHandler<Thrown, ErrorRecord> = {
    canHandle: (value): value is Thrown => standard.canHandle(value),
    serialize: ({ value }) => [toErrorRecord(value), []],
    deserialize: (record) => {
      throw fromErrorRecord(record)
    },
  }
  transferHandlers.set('throw', handler)
}
