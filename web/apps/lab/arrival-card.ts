// One genome that came from others: what the gate says of it in ten rows, what others say, and a person's decision.

import { html, LitElement, nothing } from 'lit'
import type { NodeApi } from '../../../worker/node/api.ts'
import type { ArrivalState, LayerState, LineageDispute, OtherVerdict } from '../../../worker/node/gate-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes, formatDay, formatId, formatMs } from '../../ui/format.ts'
import '../../ui/confirm-button.ts'
import { arrivalCardStyles } from './arrival-card-styles.ts'
import { exchangeWords } from './words/lab-words.ts'

export class ArrivalCard extends LitElement {
  static override properties = {
    api: { attribute: false },
    arrival: { attribute: false },
    problem: { state: true },
    busy: { state: true },
    opened: { state: true },
  }

  static override styles = [baseStyles, arrivalCardStyles]

  declare api: NodeApi | null
  declare arrival: ArrivalState | null
  declare problem: Problem | null
  declare busy: boolean
  declare opened: boolean

  constructor() {
    super()
    this.api = null
    this.arrival = null
    this.problem = null
    this.busy = false
    this.opened = false
  }

  override render() {
    const { arrival } = this
    if (!arrival) return nothing
    const { name, id, kind, warnings, judgement } = arrival
    return html`<article aria-label=${name} data-arrival=${id}>
      <div class="head">
        <h3>${name}</h3>
        <span class="small use ${arrival.use}">${useWords(arrival)}</span>
      </div>
      <p class="small soft">${originWords(arrival)}</p>
      <p class="small summary ${judgement?.accepted === false ? 'loss' : ''}" role="status">${summaryOf(arrival)}</p>
      ${warnings.map((words) => html`<p class="small warning">${words}</p>`)} ${this.renderActions(arrival)}
      ${this.problem ? html`<p class="loss small" role="alert">${renderProblem(this.problem)}</p>` : nothing}
      ${this.opened && kind === 'fetched' ? this.renderDetails(arrival) : nothing}
    </article>`
  }

  private renderActions({ id, name, use, hasFiles, judging, kind, judgement }: ArrivalState) {
    const words = exchangeWords().arrivals
    return html`<div class="row actions">
      ${
        !hasFiles
          ? nothing
          : use === 'held'
            ? html`<button
                class="plain"
                ?disabled=${this.busy || judging}
                aria-label=${words.useOf(name)}
                @click=${() => this.act((api) => api.allowGenome(id))}
              >
                ${judgement?.accepted === false ? words.useAllTheSame : words.use}
              </button>`
            : html`<button
                class="plain"
                ?disabled=${this.busy}
                aria-label=${words.backOf(name)}
                @click=${() => this.act((api) => api.holdGenome(id))}
              >
                ${words.back}
              </button>`
      }
      ${
        kind === 'fetched' && (judgement || hasFiles)
          ? html`<button
              class="plain"
              aria-expanded=${this.opened}
              aria-label=${words.verdictOn(name)}
              @click=${() => this.open()}
            >
              ${this.opened ? words.less : words.verdict}
            </button>`
          : nothing
      }
      ${
        kind === 'fetched' && hasFiles
          ? html`<button
              class="plain"
              ?disabled=${this.busy || judging}
              aria-label=${words.againOf(name)}
              @click=${() => this.act((api) => api.judgeGenome(id))}
            >
              ${words.again}
            </button>`
          : nothing
      }
      <confirm-button
        label=${words.remove}
        what=${name}
        question=${words.removeQuestion}
        yes=${words.remove}
        no=${words.keepIt}
        @confirm=${() => this.act((api) => api.removeGenome(id))}
      ></confirm-button>
    </div>`
  }

  private renderDetails({ judgement, others, disputes, author, id }: ArrivalState) {
    const words = exchangeWords().arrivals
    return html`<div class="details small">
      ${
        judgement
          ? html`<ol>
              ${judgement.layers.map((layer, i) => renderLayer(layer, i + 1))}
            </ol>`
          : nothing
      }
      ${disputes.map((dispute) => html`<p class="warning">${disputeWords(dispute)}</p>`)}
      <h4>${words.others}</h4>
      ${
        others.length === 0
          ? html`<p class="soft">${words.noOthers}</p>`
          : html`<ul>
              ${others.map((verdict) => html`<li>${renderVerdict(verdict)} ${this.renderDispute(id, verdict)}</li>`)}
            </ul>`
      }
      <p class="soft ids">
        ${words.author} <span class="mono">${formatId(author)}</span>, ${words.genome}
        <span class="mono">${formatId(id)}</span>
      </p>
    </div>`
  }

  /** Once a verdict: its judge answers whether it stands. */
  private renderDispute(id: string, { judge, judgeName, differsAt, challenges }: OtherVerdict) {
    if (differsAt === null || challenges.some(({ challengerName }) => challengerName === null)) return nothing
    return html`<button
      class="plain small"
      ?disabled=${this.busy}
      aria-label=${exchangeWords().arrivals.lookAgain(judgeName)}
      @click=${() => this.act((api) => api.disputeVerdict(id, judge))}
    >
      ${exchangeWords().arrivals.lookAgainAt(titleOf({ layer: differsAt }))}
    </button>`
  }

  private open(): void {
    this.opened = !this.opened
    const { arrival } = this
    if (this.opened && arrival) void this.api?.askForVerdicts(arrival.id).catch(() => undefined)
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.problem = null
    this.busy = true
    try {
      await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    }
    this.busy = false
  }
}

function useWords({ use, decidedBy, kind }: ArrivalState): string {
  const words = exchangeWords().arrivals
  if (use === 'held') return words.held
  if (kind === 'merged') return words.inUse
  return decidedBy === 'rule' ? words.byRule : words.byYou
}

function originWords({ kind, authorName, author, baseName, bytes, at }: ArrivalState): string {
  const words = exchangeWords().arrivals
  const made = kind === 'merged' ? words.mergedHere : words.by(authorName ?? words.thisNode, formatId(author))
  return `${words.forBase(made, baseName || words.noName)} · ${formatBytes(bytes)} · ${formatDay(at)}`
}

/** The verdict in one sentence. */
function summaryOf({ judging, judgement, kind }: ArrivalState): string {
  const words = exchangeWords().arrivals
  if (judging) return words.judging
  if (kind === 'merged') return ''
  if (!judgement) return words.notJudged
  const refusal = judgement.layers.find(({ outcome }) => outcome === 'refused')
  if (refusal) return words.refused(titleOf(refusal), sentenceOf(refusal))
  const passed = judgement.layers.filter(({ outcome }) => outcome === 'passed').length
  const left = judgement.layers.length - passed
  return left === 0 ? words.allPassed : words.somePassed(passed, left)
}

const sentenceOf = ({ layer, code, message }: LayerState) => exchangeWords().finding(layer, code, message)

const titleOf = ({ layer }: { readonly layer: string }) => exchangeWords().layers[layer] ?? layer

function renderLayer(found: LayerState, place: number) {
  const { layer, outcome, code, ms } = found
  return html`<li class=${outcome}>
    <span class="place figure" aria-hidden="true">${place}</span>
    <span class="layer">
      <strong title=${exchangeWords().questions[layer] ?? nothing}>${titleOf({ layer })}</strong>
      <span class="outcome" title=${code}>${exchangeWords().outcomes[outcome]}</span>
      ${outcome === 'not-run' && ms === 0 ? nothing : html`<span class="soft figure cost">${formatMs(ms)}</span>`}
      <span class="message">${sentenceOf(found)}</span>
    </span>
  </li>`
}

function renderVerdict({ judge, judgeName, accepted, refusedBy, passed, code, challenges }: OtherVerdict) {
  const told = exchangeWords().arrivals
  const words = accepted
    ? told.didNotRefuse(passed)
    : told.didRefuse(refusedBy === null ? '' : titleOf({ layer: refusedBy }), code)
  return html`<span title=${judge}>${judgeName}</span> ${words}.
    ${challenges.map(
      ({ challengerName, layer, reply }) =>
        html`<span class="warning">
          ${told.disputes(challengerName ?? told.someNode, titleOf({ layer }), replyWords(reply))}
        </span>`,
    )}`
}

function replyWords(reply: OtherVerdict['challenges'][number]['reply']): string {
  const { replies } = exchangeWords().arrivals
  if (reply === null) return ''
  if (reply === 'stands') return replies.stands
  return reply === 'replaced' ? replies.replaced : replies.cannot
}

function disputeWords({ claimantName, parent, cosine, confirmed }: LineageDispute): string {
  const words = exchangeWords().arrivals
  const checked =
    claimantName === null ? '' : confirmed === null ? words.cannotTell : confirmed ? words.sameFound : words.notFound
  return words.lineage(claimantName ?? words.someNode, formatId(parent), cosine.toFixed(3), checked)
}

customElements.define('arrival-card', ArrivalCard)
