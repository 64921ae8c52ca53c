// Entries of the history in words: what happened, and why.

import type { NodeState } from '../../../worker/node/api.ts'
import type { EntryReason, LedgerEntryState, NamedGenome } from '../../../worker/node/wallet-api.ts'
import { formatDay } from '../../ui/format.ts'
import { joinNames } from '../../ui/node-names.ts'
import { formatCen, formatPpm } from './figures.ts'
import { partyName } from './party-names.ts'
import { walletWords } from './words/wallet-words.ts'

export interface EntryWords {
  readonly title: string
  /** Empty where the title says it all. */
  readonly detail: string
  /** What moved; null where nothing was paid by it. */
  readonly moved: number | null
}

export function entryWords(state: NodeState, entry: LedgerEntryState): EntryWords {
  const { reason, amount } = entry
  const words = walletWords().history
  const name = entry.with === null ? words.someone : partyName(state, entry.with)
  const way = amount !== null && amount < 0 ? 'out' : 'in'
  const paid = { moved: entry.kind === 'transfer' ? amount : null }
  switch (reason.type) {
    case 'work':
      return { title: workTitle(reason.receipt, name), detail: workDetail(state, reason.receipt), moved: null }
    case 'work-paid': {
      const detail = reason.receipt ? `${workTitle(reason.receipt, name)}. ${workDetail(state, reason.receipt)}` : ''
      return { title: words.workPaid[reason.work][way](name), detail, ...paid }
    }
    case 'royalty-paid': {
      const { statement } = reason
      const detail =
        statement &&
        words.royaltyOf(genomeNames(state, statement.genomes), formatDay(statement.from), formatDay(statement.to))
      return { title: words.royalty[way](name), detail: detail ?? '', ...paid }
    }
    case 'request-paid':
      return { title: words.request[way](name), detail: reason.note ? `“${reason.note}”` : '', ...paid }
    case 'gift':
      return { title: words.gift[way](name), detail: '', ...paid }
    case 'grant':
      return { title: grantTitle(reason, name), detail: beforeOf(reason), moved: null }
    case 'refused':
      return { title: words.refused(name), detail: words.refusals[reason.code] ?? reason.code, moved: null }
    case 'terms': {
      const { genome, sharePpm, decayPpm, depth } = reason
      const detail = words.termsAre(formatPpm(sharePpm), formatPpm(decayPpm), depth)
      return { title: words.terms(genomeNames(state, [genome])), detail, moved: null }
    }
    case 'statement': {
      const { total, genomes } = reason
      const detail = total === null ? '' : words.statementOf(formatCen(total), genomeNames(state, genomes))
      return { title: words.statement, detail, moved: null }
    }
    case 'key':
      return { title: words.key, detail: '', moved: null }
    case 'dispute':
      return { title: words.dispute(name), detail: reason.message, moved: null }
  }
}

/** By their manifests, else as they were announced, else the beginning of their id. */
export function genomeNames(state: NodeState, genomes: readonly NamedGenome[]): string {
  return joinNames(genomes.map((genome) => genomeName(state, genome)))
}

export function genomeName(state: NodeState, { id, name }: NamedGenome): string {
  return name ?? state.roomGenomes.find((genome) => genome.id === id)?.name ?? id.slice(0, 8)
}

type Work = Extract<EntryReason, { type: 'work' }>['receipt']

function workTitle(work: Work, name: string): string {
  const words = walletWords().history
  return words.work(work, name, words.model(work.model))
}

function workDetail(state: NodeState, { genomes, price }: Work): string {
  const words = walletWords().history
  const cost = price > 0 ? words.price(formatCen(price)) : words.free
  if (genomes.length === 0) return cost
  const by = words.with(genomeNames(state, genomes))
  return `${by.slice(0, 1).toUpperCase()}${by.slice(1)}. ${cost}`
}

function grantTitle({ byThis, limit }: Extract<EntryReason, { type: 'grant' }>, name: string): string {
  const words = walletWords().history.grant
  if (limit === 0) return byThis ? words.closedOut(name) : words.closedIn(name)
  return byThis ? words.out(name, formatCen(limit)) : words.in(name, formatCen(limit))
}

/** Nothing to say of a first line. */
function beforeOf({ before }: Extract<EntryReason, { type: 'grant' }>): string {
  return before === 0 ? '' : walletWords().history.grant.before(formatCen(before))
}
