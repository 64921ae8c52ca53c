// The Node page: the ribbon large, the swarm as a map, this node with its limits and figures, the others, models, storage, log.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState, StepTiming } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { pageStyles } from '../../ui/page-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatId } from '../../ui/format.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { shownPlacement, shownTitle } from '../../ui/shown-placement.ts'
import { doorWords } from '../../ui/words/door-words.ts'
import { styled } from '../../ui/styled.ts'
import '../../ui/copy-button.ts'
import '../../ui/door-card.ts'
import '../../ui/gpu-card.ts'
import '../../ui/layer-ribbon.ts'
import '../../ui/model-list.ts'
import '../../ui/share-panel.ts'
import './key-settings.ts'
import './limits-panel.ts'
import './link-settings.ts'
import './log-panel.ts'
import './measurement-charts.ts'
import './memory-card.ts'
import './peer-list.ts'
import './sharing-panel.ts'
import './stored-panel.ts'
import './swarm-map.ts'
import { dashboardWords } from './words/dashboard-words.ts'

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
      .wide {
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
  declare problem: Problem | null

  constructor() {
    super()
    this.api = null
    this.state = null
    this.tick = 0
    this.timing = null
    this.problem = null
  }

  override render() {
    const state = this.state
    const words = dashboardWords().page
    if (!state) return html`<div class="page"><p class="soft" role="status">${words.starting}</p></div>`
    const title = shownTitle(state)
    const { api } = this
    return html`<div class="page">
      <section aria-labelledby="layers">
        <h2 id="layers">
          ${
            title
              ? html`${title}<span class="soft"> · ${words.layerCount(shownPlacement(state)?.layers ?? 0)}</span>`
              : words.layers
          }
        </h2>
        <layer-ribbon large .state=${state} .tick=${this.tick} .timing=${this.timing}></layer-ribbon>
      </section>
      <div class="pair">
        <section aria-labelledby="map">
          <h2 id="map">${words.map}</h2>
          <swarm-map .state=${state}></swarm-map>
        </section>
        <section aria-labelledby="peers">
          <h2 id="peers">${words.peers}</h2>
          <peer-list .api=${api} .state=${state}></peer-list>
        </section>
        <section aria-labelledby="self">
          <h2 id="self">${words.self}</h2>
          ${this.renderSelf(state)}
          <gpu-card .state=${state}></gpu-card>
          <key-settings .api=${api}></key-settings>
        </section>
        <section aria-labelledby="limits">
          <h2 id="limits">${words.limits}</h2>
          <limits-panel .api=${api} .state=${state}></limits-panel>
        </section>
        <section aria-labelledby="memory">
          <h2 id="memory">${words.memory}</h2>
          <memory-card .state=${state}></memory-card>
        </section>
        <section aria-labelledby="invite">
          <h2 id="invite">${words.invite}</h2>
          <share-panel .api=${api} .state=${state}></share-panel>
        </section>
      </div>
      <section class="wide" aria-labelledby="measured">
        <h2 id="measured">${words.measured}</h2>
        <measurement-charts .api=${api} .state=${state}></measurement-charts>
      </section>
      <div class="pair">
        <section aria-labelledby="models">
          <h2 id="models">${words.models}</h2>
          <model-list .api=${api} .state=${state} selected=${state.placement?.modelId ?? ''}></model-list>
        </section>
        <section aria-labelledby="stored">
          <h2 id="stored">${words.stored}</h2>
          <stored-panel .api=${api} .state=${state}></stored-panel>
        </section>
        <section aria-labelledby="sharing">
          <h2 id="sharing">${words.sharing}</h2>
          <sharing-panel .api=${api} .state=${state}></sharing-panel>
        </section>
        <section aria-labelledby="links">
          <h2 id="links">${words.links}</h2>
          <link-settings .api=${api} .state=${state}></link-settings>
        </section>
        <section aria-labelledby="door">
          <h2 id="door">${doorWords().title}</h2>
          <door-card .api=${api} .state=${state}></door-card>
        </section>
      </div>
      <section class="wide" aria-labelledby="log">
        <h2 id="log">${words.log}</h2>
        <log-panel .api=${api}></log-panel>
      </section>
    </div>`
  }

  private renderSelf(state: NodeState) {
    const words = dashboardWords().page
    return html`<dl>
        <dt><label for="name">${words.name}</label></dt>
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
        <dt>${words.id}</dt>
        <dd class="id">
          <span class="dot" ${styled({ background: nodeColour(state.id) })}></span
          ><span class="mono figure" data-node-id=${state.id}>${formatId(state.id)}</span>
          <copy-button label=${words.copy} .text=${state.id}></copy-button>
        </dd>
        <dt>${words.server}</dt>
        <dd>${describeServer(state)}</dd>
      </dl>
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}`
  }

  private async rename(name: string): Promise<void> {
    this.problem = null
    try {
      await this.api?.rename(name)
    } catch (error) {
      this.problem = problemOf(error)
    }
  }
}

function describeServer(state: NodeState) {
  const { server } = state
  const words = dashboardWords().page
  switch (server.state) {
    case 'open':
      return html`${words.connected}`
    case 'connecting':
      return html`<span class="soft">${words.beingLookedFor}</span>`
    case 'none':
      return html`<span class="soft">${words.noServer}</span>`
    case 'closed':
      return html`<span class="loss">${words.unreachable(server.reason ?? '')}</span>`
  }
}

customElements.define('node-app', NodeApp)
