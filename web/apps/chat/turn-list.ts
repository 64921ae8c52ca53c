// The turns of a conversation, text only: what a model writes is shown, never run.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { countOf, formatMs, formatRate } from '../../ui/format.ts'
import { joinNames, nodeName } from '../../ui/node-names.ts'
import type { AnswerFigures, Turn } from './conversation.ts'

export class TurnList extends LitElement {
  static override properties = { turns: { attribute: false }, state: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      li {
        margin-bottom: 24px;
      }
      .who {
        font-size: var(--size-small);
        color: var(--ink-soft);
      }
      .text {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
        max-width: 70ch;
      }
      .user .text {
        display: inline-block;
        padding: 8px 16px;
        border-radius: var(--radius);
        background: var(--paper-sunken);
      }
      .streaming .text::after {
        content: '';
        display: inline-block;
        width: 2px;
        height: 1.1em;
        margin-left: 2px;
        vertical-align: text-bottom;
        background: var(--accent);
      }
      .note {
        margin-top: 4px;
        font-size: var(--size-small);
        color: var(--ink-soft);
      }
      .failure {
        margin-top: var(--step);
        padding: 8px 16px;
        border-left: 3px solid var(--loss);
        background: var(--loss-wash);
        color: var(--loss);
        border-radius: 0 var(--radius) var(--radius) 0;
      }
    `,
  ]

  declare turns: readonly Turn[]
  declare state: NodeState | null

  constructor() {
    super()
    this.turns = []
    this.state = null
  }

  override render() {
    const last = this.turns.at(-1)
    const busy = last?.state === 'waiting' || last?.state === 'streaming'
    return html`<ol role="log" aria-label="Conversation" aria-live="polite" aria-busy=${busy}>
      ${repeat(
        this.turns,
        (turn) => turn.id,
        (turn) => this.renderTurn(turn),
      )}
    </ol>`
  }

  private renderTurn(turn: Turn) {
    return html`<li class="${turn.role} ${turn.state}">
      <p class="who">${turn.role === 'user' ? 'You' : turn.model}</p>
      ${turn.text ? html`<div class="text">${turn.text}</div>` : nothing}
      ${turn.state === 'waiting' ? html`<p class="note" role="status">${describeWait(turn)}</p>` : nothing}
      ${turn.recovery ? html`<p class="note recovery" role="status">${describeRecovery(turn)}</p>` : nothing}
      ${
        turn.failure
          ? html`<p class="failure" role="alert" data-code=${turn.failure.code}>${turn.failure.message}</p>`
          : nothing
      }
      ${turn.state === 'stopped' ? html`<p class="note">Stopped here.</p>` : nothing}
      ${turn.result && turn.result.tokens > 0 ? this.renderFigures(turn.result) : nothing}
    </li>`
  }

  private renderFigures(figures: AnswerFigures) {
    const state = this.state
    const names = state ? figures.nodeIds.map((id) => nodeName(state, id)) : []
    const ended = {
      end: '',
      cancelled: '',
      length: ' · reached the longest answer set',
      context: ' · the model’s context is full',
    }[figures.finish]
    return html`<p class="note">
      <span class="figure">${countOf(figures.tokens, 'token')}</span>${
        figures.msPerToken > 0
          ? html` · <span class="figure">${formatRate(figures.msPerToken)}</span> ·
              <span class="figure">compute ${formatMs(figures.computeMs)}</span>${
                names.length > 1 ? html` · <span class="figure">wire ${formatMs(figures.networkMs)}</span>` : nothing
              }
              a token`
          : nothing
      }${names.length > 0 ? html` · by ${joinNames(names)}` : nothing}${ended}
    </p>`
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('turns')) this.dispatchEvent(new CustomEvent('turns-rendered', { bubbles: true, composed: true }))
  }
}

function describeWait(turn: Turn): string {
  const { prefill } = turn
  if (!prefill || prefill.total === 0) return 'Reading your message…'
  return `Reading your message, ${prefill.done} of ${countOf(prefill.total, 'token')}…`
}

function describeRecovery({ recovery, state }: Turn): string {
  if (!recovery) return ''
  if (recovery.state === 'done') return `${recovery.message} The answer went on where it stood.`
  const goesOn = state === 'waiting' || state === 'streaming'
  return goesOn ? `${recovery.message} Its layers are placed anew; the answer goes on from here.` : recovery.message
}

customElements.define('turn-list', TurnList)
