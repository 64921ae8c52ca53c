// One experiment that runs or ran here: how far it is, what it found so far, and what can be done with it.

import { css, html, LitElement, nothing } from 'lit'
import { utf8 } from '#core/crypto/bytes.ts'
import { toCsv, toJson } from '#core/experiments/export.ts'
import { encodeSharedRun, EXPERIMENT_QUERY } from '#core/experiments/share-link.ts'
import type { NodeApi } from '../../../worker/node/api.ts'
import type { ExperimentState } from '../../../worker/node/experiment-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import '../../ui/confirm-button.ts'
import '../../ui/copy-button.ts'
import '../../ui/progress-bar.ts'
import { saveFile } from '../../ui/save-file.ts'
import { changesOf, experimentTitle } from './experiment-figures.ts'
import './experiment-plot.ts'
import './experiment-table.ts'
import { experimentWords } from './words/lab-words.ts'

export class ExperimentCard extends LitElement {
  static override properties = {
    api: { attribute: false },
    run: { attribute: false },
    problem: { state: true },
    busy: { state: true },
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
        margin: 8px 0;
      }
      .found {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 600px), 1fr));
        gap: 16px 48px;
        margin: 12px 0;
      }
      experiment-plot {
        max-width: 720px;
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
        margin-left: -8px;
        gap: 4px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare run: ExperimentState | null
  declare problem: Problem | null
  declare busy: boolean

  constructor() {
    super()
    this.api = null
    this.run = null
    this.problem = null
    this.busy = false
  }

  override render() {
    const { run } = this
    if (!run) return nothing
    const words = experimentWords()
    const { experiment, cells, adapters, status } = run
    const title = experimentTitle(experiment)
    const changes = changesOf(experiment)
    const all = experiment.seeds.length * experiment.arms.length
    return html`<article aria-label=${words.runOf(title)} data-experiment=${run.id} data-status=${status}>
      <div class="head">
        <h3>${title}</h3>
        <span class="small soft">${words.status[status]}</span>
      </div>
      <p class="small soft">
        ${words.facts(experiment.nodes.length, experiment.rounds, experiment.trainer.steps, experiment.seeds.length)}${
          adapters.length > 0 ? `, ${words.on(adapters.join(', '))}` : ''
        }.
        ${changes === null ? nothing : changes.length === 0 ? words.unchanged : words.changed(changes.join('; '))}
      </p>
      ${
        status === 'finished'
          ? nothing
          : html`<progress-bar
              label=${words.progress(cells.length, all)}
              .value=${run.progress}
              .secondsLeft=${status === 'running' ? run.secondsLeft : undefined}
            ></progress-bar>`
      }
      ${run.error ? html`<p class="failed" role="alert">${renderProblem(run.error)}</p>` : nothing}
      ${
        cells.length === 0
          ? nothing
          : html`<div class="found">
              <experiment-plot .experiment=${experiment} .cells=${cells}></experiment-plot>
              <experiment-table .experiment=${experiment} .cells=${cells}></experiment-table>
            </div>`
      }
      ${this.renderActions(run, title)}
      ${this.problem ? html`<p class="loss small" role="alert">${renderProblem(this.problem)}</p>` : nothing}
    </article>`
  }

  private renderActions(run: ExperimentState, title: string) {
    const words = experimentWords()
    const { id, status, cells } = run
    const button = (label: string, action: () => unknown) =>
      html`<button
        class="plain"
        ?disabled=${this.busy}
        aria-label=${`${label}: ${title}`}
        @click=${() => this.act(action)}
      >
        ${label}
      </button>`
    const stops = status === 'waiting' || status === 'preparing' || status === 'running'
    return html`<div class="row actions">
      ${stops ? button(words.pause, () => this.api?.pauseExperiment(id)) : nothing}
      ${status === 'paused' ? button(words.resume, () => this.api?.resumeExperiment(id)) : nothing}
      ${status === 'failed' ? button(words.again, () => this.api?.resumeExperiment(id)) : nothing}
      ${
        cells.length === 0
          ? nothing
          : [
              button(words.json, () => saveFile(`${run.experiment.name}.json`, new Uint8Array(utf8(toJson(run))))),
              button(words.csv, () => saveFile(`${run.experiment.name}.csv`, new Uint8Array(utf8(toCsv(run))))),
            ]
      }
      <copy-button label=${words.copyRun} .text=${linkTo(run)}></copy-button>
      ${button(words.reuse, () =>
        this.dispatchEvent(
          new CustomEvent('take-experiment', { detail: run.experiment, bubbles: true, composed: true }),
        ),
      )}
      <confirm-button
        label=${words.remove}
        what=${title}
        question=${words.removeQuestion}
        yes=${words.remove}
        no=${words.keep}
        @confirm=${() => this.act(() => this.api?.removeExperiment(id))}
      ></confirm-button>
    </div>`
  }

  private async act(action: () => unknown): Promise<void> {
    if (this.busy) return
    this.problem = null
    this.busy = true
    try {
      await action()
    } catch (error) {
      this.problem = problemOf(error)
    }
    this.busy = false
  }
}

/** The page with the experiment in its query; without the room, which is nobody else's. */
export function linkTo(run: Pick<ExperimentState, 'experiment' | 'cells'>): string {
  const link = new URL('./', location.href)
  link.searchParams.set(EXPERIMENT_QUERY, encodeSharedRun(run))
  return link.href
}

customElements.define('experiment-card', ExperimentCard)
