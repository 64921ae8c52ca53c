// Shared by the readers of tokenizer.json: its loose objects, and how its damage and its unknown parts are reported.

import { CentramError } from '#core/errors.ts'

export type JsonRecord = Readonly<Record<string, unknown>>

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function fail(problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `tokenizer.json is damaged: ${problem}. Fetch the model's files again.`)
}

export function refuse(what: string, value: unknown): CentramError {
  return new CentramError(
    'MODEL_UNSUPPORTED',
    `tokenizer.json has ${what} ${JSON.stringify(String(value).slice(0, 80))}, which is not supported: text would be cut ` +
      'wrongly. Choose another model.',
  )
}
