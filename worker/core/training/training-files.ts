// Reads the files a person trains on: .txt and .md as one document each, .jsonl as one a line, either a conversation
// (`{"messages": […]}`) or plain text (`{"text": …}`). Every complaint names the file and the line.

import { CentramError, errorMessage } from '#core/errors.ts'
import { isJsonObject } from '#core/formats/json-file.ts'
import type { ChatMessage } from '#core/tokenizer/tokenizer.ts'

export interface TrainingFile {
  readonly name: string
  readonly bytes: Uint8Array
}

/** Where a document begins; `line` counts from 1. */
export interface DocumentOrigin {
  readonly file: string
  readonly line: number
}

export type TrainingDocument =
  | (DocumentOrigin & { readonly kind: 'text'; readonly text: string })
  | (DocumentOrigin & { readonly kind: 'chat'; readonly messages: readonly ChatMessage[] })

const MAX_FILE_BYTES = 256 * 1024 * 1024
const MAX_TOTAL_BYTES = 512 * 1024 * 1024
const MAX_MESSAGES = 1024
const NEWLINE = 0x0a

/** Throws `FORMAT_INVALID` for files that are too large, before anything of them need be read. */
export function checkTrainingSizes(files: readonly { readonly name: string; readonly size: number }[]): void {
  for (const { name, size } of files) {
    if (size <= MAX_FILE_BYTES) continue
    throw new CentramError(
      'FORMAT_INVALID',
      `${name}: ${inMiB(size)} MiB are more than a training file may have (${inMiB(MAX_FILE_BYTES)} MiB). Cut it ` +
        'into several.',
    )
  }
  const total = files.reduce((sum, { size }) => sum + size, 0)
  if (total > MAX_TOTAL_BYTES) {
    throw new CentramError(
      'FORMAT_INVALID',
      `The files hold ${inMiB(total)} MiB together; ${inMiB(MAX_TOTAL_BYTES)} MiB can be trained on at once. Choose fewer.`,
    )
  }
}

/** Throws `FORMAT_INVALID` or `FORMAT_UNSUPPORTED`; nothing is skipped silently but empty lines. */
export function readTrainingFiles(files: readonly TrainingFile[]): TrainingDocument[] {
  checkTrainingSizes(files.map(({ name, bytes }) => ({ name, size: bytes.length })))
  const documents = files.flatMap(readTrainingFile)
  if (documents.length === 0) {
    throw new CentramError(
      'FORMAT_INVALID',
      'There is no text in the files. Choose files with something to learn from.',
    )
  }
  return documents
}

function readTrainingFile(file: TrainingFile): TrainingDocument[] {
  const { name, bytes } = file
  const ending = /\.([a-z0-9]+)$/i.exec(name)?.[1]?.toLowerCase()
  if (ending === 'jsonl') return readJsonLines(file)
  if (ending === 'txt' || ending === 'md') {
    const text = decodeText(name, bytes, 1).replaceAll('\r\n', '\n').replaceAll('\r', '\n')
    return text.trim() === '' ? [] : [{ kind: 'text', file: name, line: 1, text }]
  }
  throw new CentramError(
    'FORMAT_UNSUPPORTED',
    `${name}: only .txt, .md and .jsonl files can be trained on. Save it as plain text first.`,
  )
}

function readJsonLines({ name, bytes }: TrainingFile): TrainingDocument[] {
  const documents: TrainingDocument[] = []
  let start = 0
  for (let line = 1; start < bytes.length; line++) {
    let end = bytes.indexOf(NEWLINE, start)
    if (end < 0) end = bytes.length
    const text = decodeText(name, bytes.subarray(start, end), line).trim()
    if (text !== '') documents.push(readJsonLine(text, { file: name, line }))
    start = end + 1
  }
  return documents
}

function readJsonLine(source: string, origin: DocumentOrigin): TrainingDocument {
  let value: unknown
  try {
    value = JSON.parse(source)
  } catch (cause) {
    throw malformed(origin, `not valid JSON (${errorMessage(cause).slice(0, 120)})`)
  }
  if (!isJsonObject(value)) throw malformed(origin, 'a JSON object is expected on every line')
  const { messages, text } = value
  if (Array.isArray(messages)) return { kind: 'chat', ...origin, messages: readMessages(messages, origin) }
  if (typeof text === 'string') {
    if (text.trim() === '') throw malformed(origin, '"text" is empty')
    return { kind: 'text', ...origin, text }
  }
  throw malformed(origin, 'it has neither "messages" (a list) nor "text" (a string)')
}

function readMessages(list: readonly unknown[], origin: DocumentOrigin): ChatMessage[] {
  if (list.length > MAX_MESSAGES) throw malformed(origin, `${list.length} messages are more than ${MAX_MESSAGES}`)
  const messages = list.map((item, index): ChatMessage => {
    const { role, content } = isJsonObject(item) ? item : {}
    if (role !== 'system' && role !== 'user' && role !== 'assistant') {
      throw malformed(origin, `message ${index + 1} has the role ${quote(role)} instead of system, user or assistant`)
    }
    if (typeof content !== 'string') throw malformed(origin, `message ${index + 1} has no "content" text`)
    return { role, content }
  })
  if (!messages.some(({ role, content }) => role === 'assistant' && content.trim() !== '')) {
    throw malformed(origin, 'no message is an answer of the assistant, so there is nothing to learn')
  }
  return messages
}

function decodeText(name: string, bytes: Uint8Array, firstLine: number): string {
  try {
    // A byte order mark is no text.
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw malformed(
      { file: name, line: firstLine + invalidLine(bytes) },
      'the text is not UTF-8; save the file in that encoding',
    )
  }
}

/** Lines before the one that is not UTF-8. */
function invalidLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let line = 0
  for (let start = 0; start < bytes.length; line++) {
    let end = bytes.indexOf(NEWLINE, start)
    if (end < 0) end = bytes.length
    try {
      decoder.decode(bytes.subarray(start, end))
    } catch {
      return line
    }
    start = end + 1
  }
  return line
}

function malformed({ file, line }: DocumentOrigin, problem: string): CentramError {
  return new CentramError('FORMAT_INVALID', `${file}, line ${line}: ${problem}.`)
}

const inMiB = (bytes: number) => Math.ceil(bytes / 2 ** 20)

function quote(value: unknown): string {
  return (JSON.stringify(value) ?? 'none').slice(0, 60)
}
