// What stands where the conversation will be: what this is, who you are in it, the three ways to begin, and, once a model can
// answer, something to ask it. From here the first answer is two presses away.

import { css, html, LitElement, nothing } from 'lit'
import type { ModelState, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatBytes, formatId } from '../../ui/format.ts'
import { canAnswer, holdersOf, listModels } from '../../ui/model-choice.ts'
import { joinNames } from '../../ui/node-names.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import '../../ui/copy-button.ts'
import { gpuTitle } from '../../ui/gpu-card.ts'
import { styled } from '../../ui/styled.ts'
import { uiWords } from '../../ui/words/ui-words.ts'

/** What a person chose to begin with. */
export interface Beginning {
  readonly what: 'chat' | 'models' | 'share' | 'ask'
  readonly modelId: string
  /** With `ask`: the question. */
  readonly text: string
}

export class FirstVisit extends LitElement {
  static override properties = { state: { attribute: false }, begun: { state: true } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .title {
        max-width: 22ch;
        font-size: var(--size-title);
        font-weight: 600;
        line-height: 1.25;
        text-wrap: balance;
      }
      .what {
        max-width: 58ch;
        margin-top: 16px;
        color: var(--ink-soft);
      }
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 4px 16px;
        margin: 24px 0;
        padding: 16px 0;
        border: solid var(--line);
        border-width: 1px 0;
      }
      dt {
        color: var(--ink-soft);
      }
      dd {
        min-width: 0;
      }
      .dot {
        display: inline-block;
        width: 10px;
        height: 10px;
        margin-right: 8px;
        border-radius: 50%;
      }
      gpu-card {
        margin-top: 24px;
      }
      .begin {
        display: flex;
        flex-wrap: wrap;
        gap: var(--step);
      }
      .starters {
        margin-bottom: 24px;
      }
      .starters h3 {
        margin-bottom: var(--step);
      }
      .starters button {
        text-align: start;
      }
      @media (max-width: 560px) {
        .title {
          font-size: var(--size-large);
        }
        .what {
          margin-top: 8px;
        }
        .what,
        dl {
          font-size: var(--size-small);
        }
        dl {
          margin: 10px 0;
          padding: 8px 0;
        }
        .starters {
          margin-bottom: 12px;
        }
        .begin > button {
          width: 100%;
        }
        .starters .begin > button {
          width: auto;
        }
      }
    `,
  ]

  declare state: NodeState | null
  /** The model that a person pressed to chat with. */
  declare begun: string

  constructor() {
    super()
    this.state = null
    this.begun = ''
  }

  override render() {
    const state = this.state
    const words = uiWords().firstVisit
    return html`
      <h2 class="title">${words.title}</h2>
      <p class="what">${words.what}</p>
      ${state ? this.renderSelf(state) : html`<p class="what" role="status">${words.starting}</p>`}
    `
  }

  private renderSelf(state: NodeState) {
    const words = uiWords().firstVisit
    return html`
      <dl>
        <dt>${words.yourNode}</dt>
        <dd>
          <span class="dot" ${styled({ background: nodeColour(state.id) })}></span
          ><span class="mono figure" data-node-id=${state.id}>${formatId(state.id)}</span>
        </dd>
        ${
          state.gpu.kind === 'none'
            ? nothing
            : html`<dt>GPU</dt>
                <dd>${gpuTitle(state.gpu)}</dd>`
        }
      </dl>
      ${this.renderStarters(state)}
      <div class="begin">
        ${this.begun ? nothing : this.renderChat(state)}${this.renderReal(state)}
        <button @click=${() => this.begin('share')}>${words.invite}</button>
      </div>
      ${state.gpu.kind === 'none' ? html`<gpu-card .state=${state}></gpu-card>` : nothing}
    `
  }

  private renderChat(state: NodeState) {
    const words = uiWords().firstVisit
    const models = listModels(state)
    const shared = models.find((model) => holdersOf(state, model.id).length > 0)
    const builtIn = models.find((model) => model.origin === 'built-in')
    if (state.gpu.kind === 'ready' && builtIn) {
      return html`<button class="primary" @click=${() => this.begin('chat', builtIn.id)}>${words.chatBuiltIn}</button>`
    }
    if (shared) {
      return html`<button class="primary" @click=${() => this.begin('chat', shared.id)}>
        ${words.chatThrough(shared.title, joinNames(holdersOf(state, shared.id)))}
      </button>`
    }
    return nothing
  }

  private renderReal(state: NodeState) {
    const real = smallestReal(state)
    if (!real || state.gpu.kind === 'starting') return nothing
    return html`<button title=${real.title} @click=${() => this.begin('models', real.id)}>
      ${uiWords().firstVisit.getReal}<span class="figure soft">${formatBytes(real.sizeBytes)}</span>
    </button>`
  }

  /** Something to ask the model that was just chosen, or one that can answer at once. */
  private renderStarters(state: NodeState) {
    const models = listModels(state)
    const model = models.find(({ id }) => id === this.begun) ?? models.find((one) => canAnswer(state, one))
    if (!model) return nothing
    const words = uiWords().firstVisit
    const goesOn = model.chat === false || model.origin === 'built-in'
    return html`<section class="starters" aria-labelledby="starters">
      <h3 id="starters">${goesOn ? words.beginText : words.ask}</h3>
      <div class="begin">
        ${(goesOn ? words.beginnings : words.questions).map(
          (text) =>
            html`<button lang=${goesOn ? 'en' : nothing} @click=${() => this.begin('ask', model.id, text)}>
              ${text}
            </button>`,
        )}
      </div>
    </section>`
  }

  private begin(what: Beginning['what'], modelId = '', text = ''): void {
    if (what === 'chat') this.begun = modelId
    const detail: Beginning = { what, modelId, text }
    this.dispatchEvent(new CustomEvent('begin', { detail, bubbles: true, composed: true }))
  }
}

function smallestReal(state: NodeState): ModelState | undefined {
  return state.models
    .filter((model) => model.origin === 'catalogue' || model.origin === 'server')
    .sort((a, b) => a.sizeBytes - b.sizeBytes)[0]
}

customElements.define('first-visit', FirstVisit)
