// Chats as files: JSON that holds them whole, with all branches, and comes back in; Markdown of the branch in view, to be read.

import * as z from 'zod/mini'
import { CentramError } from '#core/errors.ts'
import { shownTurns, titleOf, type Chat } from './chat-tree.ts'
import { settle, type Turn } from './turns.ts'

const FORMAT = 'centram-chats'
const VERSION = 1
export const MAX_FILE_BYTES = 64 * 1024 * 1024

const id = z.string().check(z.minLength(1), z.maxLength(64))
const text = z.string().check(z.maxLength(4 * 1024 * 1024))
const short = z.string().check(z.maxLength(1024))
const count = z.number().check(z.gte(0))
const whole = z.int().check(z.gte(0))
const list = <T extends z.core.SomeType>(of: T, most: number) => z.array(of).check(z.maxLength(most))

const FIGURES = z.object({
  tokens: whole,
  msPerToken: count,
  computeMs: count,
  networkMs: count,
  finish: z.enum(['end', 'length', 'context', 'cancelled']),
  nodeIds: list(id, 256),
  stages: z.exactOptional(list(z.object({ nodeId: id, range: z.object({ first: whole, last: whole }) }), 1024)),
  answeredBy: z.exactOptional(id),
  names: z.exactOptional(z.record(id, short)),
  drafted: z.exactOptional(whole),
  signedBy: z.exactOptional(list(id, 256)),
})

const KEPT = z.object({
  modelId: short,
  system: z.exactOptional(text),
  tokens: list(whole, 1_000_000),
  text,
  path: z.exactOptional(list(z.object({ family: z.enum(['prefill', 'decode']), tokens: whole }), 100_000)),
  sampling: z.object({
    temperature: z.exactOptional(count),
    topK: z.exactOptional(whole),
    topP: z.exactOptional(count),
    minP: z.exactOptional(count),
    repetitionPenalty: z.exactOptional(count),
    seed: z.exactOptional(whole),
  }),
})

/** Waits, failures and recoveries belong to the moment and stay behind. */
const TURN = z.object({
  id,
  parent: z.nullable(id),
  role: z.enum(['user', 'assistant']),
  text,
  model: z.exactOptional(short),
  genomes: z.exactOptional(list(short, 64)),
  plain: z.exactOptional(z.boolean()),
  attachments: z.exactOptional(list(z.object({ name: short, text }), 64)),
  state: z.enum(['done', 'stopped', 'broken']),
  result: z.exactOptional(FIGURES),
  kept: z.exactOptional(KEPT),
})

const CHAT = z.object({
  id,
  title: short,
  system: text,
  createdAt: count,
  changedAt: count,
  turns: list(TURN, 100_000),
  shown: z.nullable(id),
})

const FILE = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  chats: list(CHAT, 100_000),
})

export function writeChats(chats: readonly Chat[]): string {
  const plain = chats.map((chat) => ({ ...chat, turns: chat.turns.map(strip) }))
  return `${JSON.stringify({ format: FORMAT, version: VERSION, chats: plain }, null, 1)}\n`
}

function strip(turn: Turn): Turn {
  const { queue: _queue, prefill: _prefill, recovery: _recovery, failure: _failure, kept, ...rest } = settle(turn)
  return kept ? { ...rest, kept } : rest
}

/** Throws `FORMAT_INVALID` naming the file, the place in it and the remedy. */
export function readChats(name: string, content: string): readonly Chat[] {
  const refuse = (what: string, cause?: unknown) =>
    new CentramError('FORMAT_INVALID', `${name}: ${what} Choose a file that Centram’s chat saved as JSON.`, { cause })
  let read: unknown
  try {
    read = JSON.parse(content)
  } catch (cause) {
    throw refuse('this is not JSON.', cause)
  }
  const checked = z.safeParse(FILE, read)
  if (!checked.success) {
    const [issue] = checked.error.issues
    const place = issue?.path.join('.') ?? ''
    throw refuse(place === '' ? 'this holds no chats.' : `${place} is not as it should be.`, checked.error)
  }
  const { chats } = checked.data
  for (const [index, { turns, shown }] of chats.entries()) {
    const seen = new Set<string>()
    for (const [at, turn] of turns.entries()) {
      if (seen.has(turn.id) || (turn.parent !== null && !seen.has(turn.parent)))
        throw refuse(`chats.${index}.turns.${at} does not follow a turn before it.`)
      seen.add(turn.id)
    }
    if (shown !== null && !seen.has(shown)) throw refuse(`chats.${index}.shown names no turn.`)
  }
  return chats
}

/** Whether two chats say the same; an import leaves out what is here already. */
export function isSameChat(a: Chat, b: Chat): boolean {
  // What was parsed has its keys in the order of the declaration.
  const plain = (chat: Chat) => JSON.stringify(CHAT.safeParse({ ...chat, turns: chat.turns.map(strip) }))
  return plain(a) === plain(b)
}

/** The branch in view, as a document. `names` heads the turns of a person. */
export function writeMarkdown(chat: Chat, names: { readonly you: string; readonly instructions: string }): string {
  const parts = [`# ${titleOf(chat)}`]
  if (chat.system.trim()) parts.push(`> **${names.instructions}:** ${chat.system.trim().replaceAll('\n', '\n> ')}`)
  for (const turn of shownTurns(chat)) {
    const files = (turn.attachments ?? []).map(({ name }) => `*${name}*`)
    parts.push(`## ${turn.role === 'user' ? names.you : (turn.model ?? '')}`, ...files, turn.text.trim())
  }
  return `${parts.filter(Boolean).join('\n\n')}\n`
}

/** A name that every system takes for a file. */
export function fileNameOf(chat: Chat): string {
  const plain = titleOf(chat)
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-|-$/g, '')
  return plain.slice(0, 48) || 'chat'
}
