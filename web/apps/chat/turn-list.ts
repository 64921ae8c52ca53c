// The turns of a conversation, and what can be done with each. What a model writes is shown, never run.

import { html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import '../../ui/copy-button.ts'
import { renderProblem } from '../../ui/error-words.ts'
import { formatBytes, formatRate } from '../../ui/format.ts'
import { icons } from '../../ui/icons.ts'
import { joinNames } from '../../ui/node-names.ts'
import { renderFigures } from './answer-figures.ts'
import { versionsOf } from './chat-tree.ts'
import './markdown-text.ts'
import { markdownStyles } from './markdown-styles.ts'
import { turnListStyles } from './turn-list-styles.ts'
import { canGoOn, isUnderWay, type Turn } from './turns.ts'
import { chatWords } from './words/chat-words.ts'

/** What a person asks of a turn. */
export type TurnAction =
  | { readonly what: 'edit'; readonly turnId: string; readonly text: string }
  | { readonly what: 'regenerate' | 'branch' | 'show'; readonly turnId: string }
  | { readonly what: 'go-on' }

export class TurnList extends LitElement {
  static override properties = {
    turns: { attribute: false },
    all: { attribute: false },
    state: { attribute: false },
    editing: { state: true },
  }

  static override styles = [baseStyles, turnListStyles, markdownStyles]

  /** The branch in view. */
  declare turns: readonly Turn[]
  /** Those of all branches, for the versions. */
  declare all: readonly Turn[]
  declare state: NodeState | null
  /** Id of the question that is being changed. */
  declare editing: string

  constructor() {
    super()
    this.turns = []
    this.all = []
    this.state = null
    this.editing = ''
  }

  override render() {
    const last = this.turns.at(-1)
    const busy = last !== undefined && isUnderWay(last)
    return html`<div role="log" aria-label=${chatWords().turns.label} aria-live="polite" aria-busy=${busy}>
      <ol>
        ${repeat(
          this.turns,
          (turn) => turn.id,
          (turn) => this.renderTurn(turn, turn === last, busy),
        )}
      </ol>
    </div>`
  }

  private renderTurn(turn: Turn, isLast: boolean, busy: boolean) {
    const words = chatWords().turns
    const { state, failure, result, genomes = [] } = turn
    const model = genomes.length > 0 ? `${turn.model} ${words.with(joinNames(genomes))}` : turn.model
    return html`<li class="${turn.role} ${state}" data-turn=${turn.id}>
      <h2 class="who">${turn.role === 'user' ? words.you : model}</h2>
      ${this.editing === turn.id ? this.renderEditor(turn) : this.renderContent(turn)}
      ${state === 'waiting' ? html`<p class="note" role="status">${describeWait(turn)}</p>` : nothing}
      ${turn.recovery ? html`<p class="note recovery" role="status">${describeRecovery(turn)}</p>` : nothing}
      ${
        failure
          ? html`<p class="failure" role="alert" data-code=${failure.code}>${renderProblem(failure)}</p>`
          : nothing
      }
      ${state === 'stopped' ? html`<p class="note">${words.stopped}</p>` : nothing}
      ${result && result.tokens > 0 ? renderFigures(result, this.state) : nothing}
      ${isUnderWay(turn) || this.editing === turn.id ? nothing : this.renderActions(turn, busy)}
      ${isLast && canGoOn(turn) ? this.renderGoOn(turn) : nothing}
    </li>`
  }

  private renderContent(turn: Turn) {
    const words = chatWords().turns
    return html`${(turn.attachments ?? []).map(
      ({ name, text }) =>
        html`<details class="attached">
          <summary>${words.attached(name, formatBytes(text.length))}</summary>
          <pre tabindex="0">${text}</pre>
        </details>`,
    )}${
      turn.text === ''
        ? nothing
        : turn.role === 'user' || turn.plain
          ? html`<div class="text plain">${turn.text}</div>`
          : html`<markdown-text class="text" .text=${turn.text}></markdown-text>`
    }`
  }

  private renderActions(turn: Turn, busy: boolean) {
    const words = chatWords().turns
    const { id, role } = turn
    const who = role === 'user' ? words.you : (turn.model ?? '')
    return html`<div class="actions" role="group" aria-label=${words.actionsOf(who)}>
      ${turn.text ? html`<copy-button .text=${turn.text} label=${words.copy}></copy-button>` : nothing}
      ${
        role === 'user'
          ? html`<button class="plain" ?disabled=${busy} @click=${() => this.edit(id)}>${words.edit}</button>`
          : html`<button class="plain" ?disabled=${busy} @click=${() => this.act({ what: 'regenerate', turnId: id })}>
                ${words.regenerate}</button
              ><button
                class="plain"
                title=${words.branchHint}
                ?disabled=${busy}
                @click=${() => this.act({ what: 'branch', turnId: id })}
              >
                ${words.branch}
              </button>`
      }
      ${this.renderVersions(turn, busy)}
    </div>`
  }

  private renderVersions(turn: Turn, busy: boolean) {
    const words = chatWords().turns
    const versions = versionsOf(this.all, turn)
    if (versions.length < 2) return nothing
    const at = versions.findIndex(({ id }) => id === turn.id)
    const step = (to: number, label: string, name: string) => {
      const version = versions[to]
      return html`<button
        class="plain ${name}"
        aria-label=${label}
        ?disabled=${busy || !version}
        @click=${() => version && this.act({ what: 'show', turnId: version.id })}
      >
        ${icons.chevron}
      </button>`
    }
    return html`<span class="versions" role="group" aria-label=${words.versions}>
      ${step(at - 1, words.previous, 'earlier')}<span class="figure">${words.version(at + 1, versions.length)}</span
      >${step(at + 1, words.nextVersion, 'later')}
    </span>`
  }

  private renderEditor(turn: Turn) {
    const words = chatWords().turns
    return html`<form class="edit" @submit=${(event: Event) => this.submit(event, turn)}>
      <textarea
        aria-label=${words.editLabel}
        .value=${turn.text}
        @keydown=${(event: KeyboardEvent) => this.key(event, turn)}
      ></textarea>
      <div class="row">
        <button class="primary">${words.ask}</button>
        <button type="button" class="plain" @click=${() => this.leaveEditor(turn.id)}>${words.cancel}</button>
      </div>
    </form>`
  }

  /** The first words say what a person gets: the rest of this answer, or another try at one that never began. */
  private renderGoOn({ kept }: Turn) {
    const words = chatWords().turns
    return html`<button class="go-on" @click=${() => this.act({ what: 'go-on' })}>
      ${kept?.tokens.length ? words.goOn : words.tryAgain}
    </button>`
  }

  private async edit(turnId: string): Promise<void> {
    this.editing = turnId
    await this.updateComplete
    this.renderRoot.querySelector<HTMLTextAreaElement>('.edit textarea')?.focus()
  }

  private async leaveEditor(turnId: string): Promise<void> {
    this.editing = ''
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>(`[data-turn="${turnId}"] .actions > button`)?.focus()
  }

  private key(event: KeyboardEvent, turn: Turn): void {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) this.submit(event, turn)
    if (event.key === 'Escape') void this.leaveEditor(turn.id)
  }

  private submit(event: Event, turn: Turn): void {
    event.preventDefault()
    const text = this.renderRoot.querySelector<HTMLTextAreaElement>('.edit textarea')?.value.trim() ?? ''
    if (text === '' && !turn.attachments?.length) return
    this.editing = ''
    this.act({ what: 'edit', turnId: turn.id, text })
  }

  private act(detail: TurnAction): void {
    this.dispatchEvent(new CustomEvent('turn-action', { detail, bubbles: true, composed: true }))
  }
}

function describeWait(turn: Turn): string {
  const words = chatWords().turns
  const { prefill, queue } = turn
  if (!prefill && queue) return describeQueue(queue)
  if (!prefill || prefill.total === 0) return words.reading
  return words.readingTokens(prefill.done, prefill.total)
}

function describeQueue({ position, tokensPerSecond }: NonNullable<Turn['queue']>): string {
  const words = chatWords().turns
  const place = position === 0 ? words.next : words.before(position)
  const speed = tokensPerSecond > 0 ? words.answersAt(formatRate(1000 / tokensPerSecond)) : ''
  return words.waiting(place, speed)
}

function describeRecovery({ recovery, state }: Turn): string {
  const words = chatWords().turns
  if (!recovery) return ''
  if (recovery.state === 'done') return `${recovery.message} ${words.wentOn}`
  return state === 'waiting' || state === 'streaming' ? `${recovery.message} ${words.othersTakeOver}` : recovery.message
}

customElements.define('turn-list', TurnList)
