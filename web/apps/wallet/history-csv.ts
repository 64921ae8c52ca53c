// The history as a CSV file (RFC 4180) for a spreadsheet, the newest first.

import type { NodeState } from '../../../worker/node/api.ts'
import type { LedgerEntryState } from '../../../worker/node/wallet-api.ts'
import { entryWords } from './entry-words.ts'
import { partyName } from './party-names.ts'
import { walletWords } from './words/wallet-words.ts'

export function historyCsv(state: NodeState, entries: readonly LedgerEntryState[]): string {
  const rows = entries.map((entry) => {
    const { title, detail, moved } = entryWords(state, entry)
    const name = entry.with === null ? '' : partyName(state, entry.with)
    return [new Date(entry.at).toISOString(), entry.id, name, title, moved === null ? '' : String(moved), detail]
  })
  return [walletWords().history.columns, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

/** A name that begins like a formula would be run by some spreadsheets. */
function cell(text: string): string {
  const harmless = /^[=+@\t\r]|^-(?!\d+$)/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
