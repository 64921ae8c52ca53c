// The one error class of the project: a code a program can branch on, and a message a person can act on.

export type ErrorCode =
  | 'BAD_ARGUMENT'
  | 'CANCELLED'
  | 'TIMEOUT'
  | 'INTERNAL'
  // files and formats
  | 'FORMAT_INVALID'
  | 'FORMAT_TRUNCATED'
  | 'FORMAT_UNSUPPORTED'
  | 'MODEL_UNSUPPORTED'
  | 'MODEL_MISMATCH'
  | 'MODEL_UNKNOWN'
  | 'SOURCE_UNREACHABLE'
  | 'SOURCE_NO_RANGES'
  | 'SOURCE_CHANGED'
  | 'SOURCE_CORRUPT'
  | 'STORAGE_FULL'
  | 'STORAGE_UNAVAILABLE'
  // the GPU
  | 'GPU_UNAVAILABLE'
  | 'GPU_LOST'
  | 'GPU_OUT_OF_MEMORY'
  | 'GPU_FAILED'
  | 'CONTEXT_FULL'
  // the wire
  | 'FRAME_INVALID'
  | 'FRAME_TOO_LARGE'
  | 'SIGNATURE_INVALID'
  | 'REPLAYED'
  | 'PROTOCOL_VIOLATION'
  | 'VERSION_UNSUPPORTED'
  | 'RATE_LIMITED'
  | 'CHANNEL_CLOSED'
  | 'LINK_FAILED'
  | 'PEER_LEFT'
  | 'PEER_REFUSED'
  | 'NOT_OFFERED'
  | 'PAYMENT_REFUSED'
  | 'KEY_REVOKED'
  | 'QUARANTINED'
  | 'SERVER_UNREACHABLE'
  | 'NO_CAPACITY'

/** An error with a `code`; `message` says what happened, where, and what to do next. */
export class CentramError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'CentramError'
    this.code = code
  }
}

/** The code of anything thrown: that of a `CentramError`, else `INTERNAL`. */
export function errorCode(error: unknown): ErrorCode {
  return error instanceof CentramError ? error.code : 'INTERNAL'
}

/** The message of anything thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
