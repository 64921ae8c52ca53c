// Looks for words in a chat, and cuts out the place where they stand.

import { titleOf, type Chat } from './chat-tree.ts'

const BEFORE = 32
const AFTER = 96

/**
 * Null where a word of the query is nowhere in the chat; else the place of the first word that is found in a turn, or nothing
 * where the title alone has it. Neither case nor accents count.
 */
export function searchChat(chat: Chat, query: string): string | null {
  const words = fold(query).split(/\s+/).filter(Boolean)
  if (words.length === 0) return ''
  const texts = chat.turns.flatMap((turn) => [turn.text, ...(turn.attachments ?? []).map(({ name }) => name)])
  const folded = texts.map(fold)
  const title = fold(titleOf(chat))
  if (!words.every((word) => title.includes(word) || folded.some((text) => text.includes(word)))) return null
  for (const [index, text] of folded.entries()) {
    const place = Math.min(...words.map((word) => text.indexOf(word)).filter((at) => at >= 0))
    if (Number.isFinite(place)) return excerptOf(texts[index] ?? '', place)
  }
  return ''
}

function excerptOf(text: string, place: number): string {
  const from = Math.max(0, place - BEFORE)
  const cut = text
    .slice(from, place + AFTER)
    .replaceAll(/\s+/g, ' ')
    .trim()
  return `${from > 0 ? '…' : ''}${cut}${place + AFTER < text.length ? '…' : ''}`
}

/** Letter by letter, so that a place in the folded text is the place in the text. */
function fold(text: string): string {
  return /^[\0-\x7f]*$/.test(text) ? text.toLowerCase() : text.replaceAll(/[^\0-@\x5b-\x7f]/g, foldLetter)
}

function foldLetter(letter: string): string {
  const parts = letter.normalize('NFD')
  return (/^.\p{M}+$/u.test(parts) ? parts : letter).toLowerCase().charAt(0)
}
