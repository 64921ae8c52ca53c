// The Node page: the ribbon large, this node, the others, the models.

import { css, html, LitElement, nothing } from 'lit'
import { errorMessage } from '#core/errors.ts'
import type { NodeApi, NodeState, StepTiming } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { pageStyles } from '../../ui/page-styles.ts'
import { countOf, formatId } from '../../ui/format.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { shownPlacement, shownTitle } from '../../ui/shown-placement.ts'
import '../../ui/copy-button.ts'
import '../../ui/gpu-card.ts'
import '../../ui/layer-ribbon.ts'
import '../../ui/model-list.ts'
import '../../ui/share-panel.ts'
import './peer-list.ts'

export class NodeApp extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    tick: { type: Number },
    timing: { attribute: false },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    pageStyles,
    css`
      .pair {
        row-gap: 48px;
        margin-top: 48px;
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 4px 24px;
        align-items: center;
        margin-bottom: 16px;
      }
      dt {
        color: var(--ink-soft);
      }
      .id {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 0 8px;
      }
      .dot {
        width: 10px;
        height: 10px;
        border-radius: 50%;
      }
      .name {
        max-width: 240px;
      }
      @media (max-width: 860px) {
        .pair {
          row-gap: 40px;
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare tick: number
  declare timing: StepTiming | null
  declare problem: string

  constructor() {
    super()
    this.api = null
    this.state = null
    this.tick = 0
    this.timing = null
    this.problem = ''
  }

  override render() {
    const state = this.state
    if (!state) return html`<div class="page"><p class="soft" role="status">Starting this tab’s node…</p></div>`
    const title = shownTitle(state)
    return html`<div class="page">
      <section aria-labelledby="layers">
        <h2 id="layers">
          ${title ? html`${title}<span class="soft"> · ${countOf(shownPlacement(state)?.layers ?? 0, 'layer')}</span>` : 'Layers'}
        </h2>
        <layer-ribbon large .state=${state} .tick=${this.tick} .timing=${this.timing}></layer-ribbon>
      </section>
      <div class="pair">
        <section aria-labelledby="self">
          <h2 id="self">This node</h2>
          ${this.renderSelf(state)}
          <gpu-card .state=${state}></gpu-card>
        </section>
        <section aria-labelledby="peers">
          <h2 id="peers">Other nodes</h2>
          <peer-list .state=${state}></peer-list>
        </section>
        <section aria-labelledby="models">
          <h2 id="models">Models</h2>
          <model-list .api=${this.api} .state=${state} selected=${state.placement?.modelId ?? ''}></model-list>
        </section>
        <section aria-labelledby="invite">
          <h2 id="invite">Invite</h2>
          <share-panel .api=${this.api} .state=${state}></share-panel>
        </section>
      </div>
    </div>`
  }

  private renderSelf(state: NodeState) {
    return html`<dl>
        <dt><label for="name">Name</label></dt>
        <dd>
          <input
            id="name"
            class="name"
            maxlength="40"
            autocomplete="off"
            .value=${state.name}
            @change=${(event: Event) => this.rename((event.target as HTMLInputElement).value.trim())}
          />
        </dd>
        <dt>Id</dt>
        <dd class="id">
          <span class="dot" style="background: ${nodeColour(state.id)}"></span
          ><span class="mono figure" data-node-id=${state.id}>${formatId(state.id)}</span>
          <copy-button label="Copy" .text=${state.id}></copy-button>
        </dd>
        <dt>Server</dt>
        <dd>${describeServer(state)}</dd>
      </dl>
      ${this.problem ? html`<p class="loss" role="alert">${this.problem}</p>` : nothing}`
  }

  private async rename(name: string): Promise<void> {
    this.problem = ''
    try {
      await this.api?.rename(name)
    } catch (error) {
      this.problem = errorMessage(error)
    }
  }
}

function describeServer(state: NodeState) {
  const { server } = state
  switch (server.state) {
    case 'open':
      return html`connected`
    case 'connecting':
      return html`<span class="soft">being looked for…</span>`
    case 'none':
      return html`<span class="soft">none: this page came without one, so other nodes cannot be found</span>`
    case 'closed':
      return html`<span class="loss"
        >unreachable${server.reason ? ` (${server.reason})` : ''}; tried again every few seconds. Links that stand go
        on.</span
      >`
  }
}

customElements.define('node-app', NodeApp)
