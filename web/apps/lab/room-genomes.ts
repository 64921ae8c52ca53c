// Genomes of the room: what others announced, with what each claims and what others measured, and the way to fetch one.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import type { GenomeEvaluation, RoomGenome } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes, formatId } from '../../ui/format.ts'
import { cardListStyles } from './card-list-styles.ts'
import { licenceWords } from './genome-words.ts'
import './room-help.ts'
import { exchangeWords } from './words/lab-words.ts'

/** Sequences that a genome is judged by when a person asks another node to. */
const PROBES = 64

export class RoomGenomes extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    problems: { state: true },
    busy: { state: true },
  }

  static override styles = [
    baseStyles,
    cardListStyles,
    css`
      li {
        overflow-wrap: anywhere;
      }
      .figures {
        font-variant-numeric: tabular-nums;
      }
      .figures span:not(:last-child)::after {
        content: '·';
        margin: 0 6px;
      }
      .actions {
        gap: 4px;
        margin-left: -8px;
      }
      .empty {
        margin-bottom: 8px;
      }
      .state {
        padding: 0 8px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare problems: ReadonlyMap<string, Problem>
  declare busy: ReadonlySet<string>

  constructor() {
    super()
    this.api = null
    this.state = null
    this.problems = new Map()
    this.busy = new Set()
  }

  override render() {
    const { state } = this
    if (!state) return nothing
    const others = state.roomGenomes.filter(({ authorName }) => authorName !== null)
    return html`${
        others.length === 0
          ? html`<p class="soft empty">
              ${state.room === null ? exchangeWords().room.alone : exchangeWords().room.none}
            </p>`
          : html`<ul>
              ${repeat(
                others,
                ({ id }) => id,
                (genome) => html`<li>${this.renderGenome(state, genome)}</li>`,
              )}
            </ul>`
      }
      ${this.renderSearch(state)} <room-help .api=${this.api} .state=${state}></room-help>`
  }

  /** Authors tell of theirs by themselves; of those who left, the others tell when they are asked. */
  private renderSearch(state: NodeState) {
    const model = state.models.find(({ id }) => id === state.placement?.modelId)
    if (!model || !state.peers.some(({ link }) => link === 'open')) return nothing
    return html`<p>
      <button class="plain" @click=${() => this.act(model.id, (api) => api.findGenomes(model.id))}>
        ${exchangeWords().room.ask(model.title)}
      </button>
    </p>`
  }

  private renderGenome(state: NodeState, genome: RoomGenome) {
    const problem = this.problems.get(genome.id)
    const words = exchangeWords().room
    return html`<article aria-label=${genome.name} data-room-genome=${genome.id}>
      <h3>${genome.name}</h3>
      <p class="small soft">${words.by(genome.authorName ?? '', formatId(genome.author), genome.baseName)}</p>
      <p class="small soft figures">
        ${[formatBytes(genome.bytes), licenceWords(genome.licence), ...genome.claims.map(claimWords)].map(
          (words) => html`<span>${words}</span>`,
        )}
      </p>
      ${genome.evaluations.map((evaluation) => html`<p class="small">${measuredWords(evaluation)}</p>`)}
      <div class="row actions">
        ${
          genome.here
            ? html`<span class="small soft state">
                ${isHeld(state, genome.id) ? words.inQuarantine : words.amongYours}
              </span>`
            : html`<button
                class="plain"
                ?disabled=${genome.fetching || this.busy.has(genome.id)}
                aria-label=${words.fetchOf(genome.name)}
                @click=${() => this.act(genome.id, (api) => api.fetchGenome(genome.id))}
              >
                ${genome.fetching ? words.fetching : words.fetch}
              </button>`
        }
        ${this.renderJudges(state, genome)}
      </div>
      ${problem === undefined ? nothing : html`<p class="loss small" role="alert">${renderProblem(problem)}</p>`}
    </article>`
  }

  /** Asks a node for its judgement; which nodes agreed to judge, and of what domain, each tells when it is asked. */
  private renderJudges(state: NodeState, genome: RoomGenome) {
    const open = state.peers.filter(({ link, id }) => link === 'open' && id !== genome.author)
    const domain = state.judging?.domain ?? genome.claims[0]?.domain
    if (open.length === 0 || domain === undefined) return nothing
    return open
      .slice(0, 3)
      .map(
        ({ id, name }) =>
          html`<button
            class="plain small"
            ?disabled=${this.busy.has(genome.id)}
            @click=${() => this.act(genome.id, (api) => api.requestEvaluation(id, [genome.id], domain, PROBES))}
          >
            ${exchangeWords().room.judge(name)}
          </button>`,
      )
  }

  private async act(id: string, action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    const without = new Map(this.problems)
    without.delete(id)
    this.problems = without
    this.busy = new Set([...this.busy, id])
    try {
      await action(this.api)
    } catch (error) {
      this.problems = new Map([...this.problems, [id, problemOf(error)]])
    }
    this.busy = new Set([...this.busy].filter((other) => other !== id))
  }
}

const isHeld = ({ arrivals }: NodeState, id: string) => arrivals.some((one) => one.id === id && one.use === 'held')

function claimWords({ domain, loss, baseLoss }: RoomGenome['claims'][number]): string {
  return exchangeWords().room.claims(baseLoss?.toFixed(3) ?? null, loss.toFixed(3), domain)
}

function measuredWords({ evaluatorName, domain, probes, delta, low, high }: GenomeEvaluation): string {
  const sign = (value: number) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(3)}`
  const words = exchangeWords().room
  return words.measured(evaluatorName ?? words.thisNode, sign(delta), domain, sign(low), sign(high), probes)
}

customElements.define('room-genomes', RoomGenomes)
