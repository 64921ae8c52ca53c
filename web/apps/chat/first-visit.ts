// What stands where the conversation will be: what this is, who you are in it, and the three ways to begin.

import { css, html, LitElement, nothing } from 'lit'
import type { ModelState, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatBytes, formatId } from '../../ui/format.ts'
import { holdersOf, listModels } from '../../ui/model-choice.ts'
import { joinNames } from '../../ui/node-names.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import '../../ui/copy-button.ts'
import { gpuTitle } from '../../ui/gpu-card.ts'

/** What a person chose to begin with. */
export interface Beginning {
  readonly what: 'chat' | 'models' | 'share'
  readonly modelId: string
}

export class FirstVisit extends LitElement {
  static override properties = { state: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      h1 {
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
      @media (max-width: 560px) {
        .begin button {
          width: 100%;
        }
      }
    `,
  ]

  declare state: NodeState | null

  constructor() {
    super()
    this.state = null
  }

  override render() {
    const state = this.state
    return html`
      <h1>A language model that lives in your tabs.</h1>
      <p class="what">
        Centram runs it here in the browser, alone or with its layers spread over the tabs of people you invite; what
        you write goes to no one else.
      </p>
      ${state ? this.renderSelf(state) : html`<p class="what" role="status">Starting this tab’s node…</p>`}
    `
  }

  private renderSelf(state: NodeState) {
    return html`
      <dl>
        <dt>Your node</dt>
        <dd>
          <span class="dot" style="background: ${nodeColour(state.id)}"></span
          ><span class="mono figure" data-node-id=${state.id}>${formatId(state.id)}</span>
        </dd>
        ${
          state.gpu.kind === 'none'
            ? nothing
            : html`<dt>GPU</dt>
                <dd>${gpuTitle(state.gpu)}</dd>`
        }
      </dl>
      <div class="begin">
        ${this.renderChat(state)}${this.renderReal(state)}
        <button @click=${() => this.begin('share')}>Invite a device</button>
      </div>
      ${state.gpu.kind === 'none' ? html`<gpu-card .state=${state}></gpu-card>` : nothing}
    `
  }

  private renderChat(state: NodeState) {
    const models = listModels(state)
    const shared = models.find((model) => holdersOf(state, model.id).length > 0)
    const builtIn = models.find((model) => model.origin === 'built-in')
    if (state.gpu.kind === 'ready' && builtIn) {
      return html`<button class="primary" @click=${() => this.begin('chat', builtIn.id)}>
        Chat with the built-in model
      </button>`
    }
    if (shared) {
      return html`<button class="primary" @click=${() => this.begin('chat', shared.id)}>
        Chat with ${shared.title} through ${joinNames(holdersOf(state, shared.id))}
      </button>`
    }
    return nothing
  }

  private renderReal(state: NodeState) {
    const real = smallestReal(state)
    if (!real || state.gpu.kind !== 'ready') return nothing
    return html`<button title=${real.title} @click=${() => this.begin('models', real.id)}>
      Get a real model<span class="figure soft">${formatBytes(real.sizeBytes)}</span>
    </button>`
  }

  private begin(what: Beginning['what'], modelId = ''): void {
    const detail: Beginning = { what, modelId }
    this.dispatchEvent(new CustomEvent('begin', { detail, bubbles: true, composed: true }))
  }
}

function smallestReal(state: NodeState): ModelState | undefined {
  return state.models
    .filter((model) => model.origin === 'catalogue' || model.origin === 'server')
    .sort((a, b) => a.sizeBytes - b.sizeBytes)[0]
}

customElements.define('first-visit', FirstVisit)
