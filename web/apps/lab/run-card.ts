// One training run: how far it is, how well it does, what it costs, and what can be done with it.

import { css, html, LitElement, nothing } from 'lit'
import type { ModelState, NodeApi } from '../../../worker/node/api.ts'
import type { RunState } from '../../../worker/node/lab-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { formatBytes, formatNumber, formatRate } from '../../ui/format.ts'
import '../../ui/confirm-button.ts'
import '../../ui/progress-bar.ts'
import './loss-chart.ts'
import { trainingWords } from './words/training.ts'

export class RunCard extends LitElement {
  static override properties = {
    api: { attribute: false },
    run: { attribute: false },
    model: { attribute: false },
    kept: { type: Boolean },
    others: { type: Boolean },
    problem: { state: true },
    asked: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      .head {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 0 12px;
        overflow-wrap: anywhere;
      }
      progress-bar {
        display: block;
        margin: 8px 0;
      }
      dl {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 24px;
        margin: 8px 0 12px;
      }
      dt {
        font-size: var(--size-small);
        color: var(--ink-soft);
        line-height: 1.4;
      }
      .failed {
        margin: 8px 0;
        padding: 8px 12px;
        border-radius: var(--radius);
        background: var(--loss-wash);
        color: var(--loss);
        overflow-wrap: anywhere;
      }
      .actions {
        margin: 8px 0 0 -8px;
        gap: 4px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare run: RunState | null
  /** The run's model, as the node lists it. */
  declare model: ModelState | undefined
  /** Whether the genome it made is still here. */
  declare kept: boolean
  /** Whether another run has its turn. */
  declare others: boolean
  declare problem: Problem | null
  /** What was asked of the node and is not done yet. */
  declare asked: string

  constructor() {
    super()
    this.api = null
    this.run = null
    this.model = undefined
    this.kept = false
    this.others = false
    this.problem = null
    this.asked = ''
  }

  override render() {
    const { run } = this
    if (!run) return nothing
    return html`<article aria-label=${trainingWords().run.run(run.name)} data-run=${run.id} data-status=${run.status}>
      <div class="head">
        <h3>${run.name}</h3>
        <span class="small soft">${run.modelTitle} · ${describeStatus(run, this.others)}</span>
      </div>
      ${this.renderProgress(run)}
      ${run.error ? html`<p class="failed" role="alert">${renderProblem(run.error)}</p>` : nothing}
      ${renderFigures(run)}
      ${
        run.losses.length + run.heldOutLosses.length > 0
          ? html`<loss-chart .losses=${run.losses} .heldOut=${run.heldOutLosses} steps=${run.steps}></loss-chart>`
          : nothing
      }
      ${this.renderActions(run)}
      ${this.problem ? html`<p class="loss small" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    </article>`
  }

  private renderProgress(run: RunState) {
    const { model } = this
    if (run.status === 'preparing' && model?.status === 'fetching') {
      return html`<progress-bar
        label=${trainingWords().run.downloading(model.title)}
        .value=${model.progress}
        .secondsLeft=${model.secondsLeft}
      ></progress-bar>`
    }
    return html`<progress-bar
      label=${trainingWords().run.step(run.step, run.steps)}
      .value=${run.steps > 0 ? run.step / run.steps : 0}
      .secondsLeft=${run.status === 'running' ? run.secondsLeft : undefined}
    ></progress-bar>`
  }

  private renderActions(run: RunState) {
    const { id, name, status } = run
    const busy = this.asked !== ''
    const words = trainingWords().run
    const button = (label: string, action: (api: NodeApi) => Promise<unknown>) =>
      html`<button
        class="plain"
        ?disabled=${busy}
        aria-label=${words.on(label, name)}
        @click=${() => this.act(label, action)}
      >
        ${label}
      </button>`
    const confirm = (label: string, question: string, yes: string, action: (api: NodeApi) => Promise<unknown>) =>
      html`<confirm-button
        label=${label}
        what=${name}
        question=${question}
        yes=${yes}
        no=${words.keepIt}
        @confirm=${() => this.act(label, action)}
      ></confirm-button>`
    const keep = button(words.endAndKeep, (api) => api.endTraining(id, true))
    const cancel = confirm(words.cancel, words.throwAwayIt, words.throwAway, (api) => discard(api, id))
    switch (status) {
      case 'preparing':
        return html`<div class="row actions">${cancel}</div>`
      case 'running':
        return html`<div class="row actions">
          ${button(words.pause, (api) => api.pauseTraining(id))} ${run.step > 0 ? keep : nothing} ${cancel}
        </div>`
      case 'pausing':
        return html`<div class="row actions">${cancel}</div>`
      case 'paused':
        return html`<div class="row actions">
          ${button(words.resume, (api) => api.resumeTraining(id))} ${run.step > 0 ? keep : nothing} ${cancel}
        </div>`
      case 'failed':
        return html`<div class="row actions">
          ${button(words.tryAgain, (api) => api.resumeTraining(id))}
          ${confirm(words.remove, words.removeRun, words.remove, (api) => api.removeRun(id))}
        </div>`
      case 'finished':
        return html`<div class="row actions">
          ${
            run.genomeId && this.kept
              ? html`<button
                  class="plain"
                  aria-label=${words.chatWith(name)}
                  @click=${() => this.chat(run.genomeId ?? '')}
                >
                  ${words.chat}
                </button>`
              : nothing
          }
          ${button(words.takeOff, (api) => api.removeRun(id))}
        </div>`
    }
  }

  private chat(genomeId: string): void {
    this.dispatchEvent(new CustomEvent('chat-with', { detail: genomeId, bubbles: true, composed: true }))
  }

  private async act(what: string, action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api || this.asked !== '') return
    this.problem = null
    this.asked = what
    try {
      await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    }
    this.asked = ''
  }
}

function renderFigures(run: RunState) {
  const { losses, heldOutLosses: heldOut, privacy } = run
  const words = trainingWords().run
  const figure = (term: string, value: unknown) =>
    html`<div>
      <dt>${term}</dt>
      <dd class="figure">${value}</dd>
    </div>`
  const last = losses.at(-1)
  const first = heldOut[0]
  const now = heldOut.at(-1)
  const shown = [
    last && figure(words.loss, last.loss.toFixed(3)),
    first &&
      now &&
      figure(
        words.heldOutLoss,
        now === first ? now.loss.toFixed(3) : `${first.loss.toFixed(3)} → ${now.loss.toFixed(3)}`,
      ),
    run.tokensPerSecond !== null && figure(words.speed, formatRate(1000 / run.tokensPerSecond)),
    run.gpuBytes > 0 && figure(words.gpuMemory, formatBytes(run.gpuBytes)),
    privacy &&
      figure(words.epsilonOf(formatNumber(privacy.budget), formatNumber(privacy.delta)), privacy.epsilon.toFixed(2)),
  ].filter(Boolean)
  return shown.length > 0 ? html`<dl>${shown}</dl>` : nothing
}

/** Ends a run without a trace. */
async function discard(api: NodeApi, runId: string): Promise<void> {
  await api.endTraining(runId, false)
  await api.removeRun(runId)
}

function describeStatus({ status, genomeId }: RunState, others: boolean): string {
  const words = trainingWords().run
  switch (status) {
    case 'preparing':
      return words.preparing
    case 'running':
      return words.running
    case 'pausing':
      return words.pausing
    case 'paused':
      return others ? words.pausedOthers : words.paused
    case 'failed':
      return words.failed
    case 'finished':
      return genomeId ? words.finishedKept : words.finished
  }
}

customElements.define('run-card', RunCard)
