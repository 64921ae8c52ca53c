// Where experiments are chosen, changed and started, and where those stand that run or ran here.

import { css, html, LitElement, nothing } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { parseExperiment, type Experiment } from '#core/experiments/experiment.ts'
import { PUBLISHED } from '#core/experiments/published.ts'
import { STUDY } from '#core/experiments/study.ts'
import { decodeSharedRun, EXPERIMENT_QUERY, type SharedRun } from '#core/experiments/share-link.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderGpuProblem, renderProblem, type Problem } from '../../ui/error-words.ts'
import '../../ui/copy-button.ts'
import { formatCount } from '../../ui/format.ts'
import './experiment-card.ts'
import { linkTo } from './experiment-card.ts'
import { experimentAbout, experimentTitle } from './experiment-figures.ts'
import './experiment-settings.ts'
import { choiceField, fieldStyles } from './fields.ts'
import { experimentWords } from './words/lab-words.ts'

const LISTED = [
  ...PUBLISHED.map(({ experiment }) => ({ experiment, group: 'published' as const })),
  ...STUDY.map((experiment) => ({ experiment, group: 'study' as const })),
]

export class ExperimentList extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    chosen: { state: true },
    linked: { state: true },
    problem: { state: true },
    starting: { state: true },
  }

  static override styles = [
    baseStyles,
    fieldStyles,
    css`
      :host {
        display: block;
      }
      form,
      .intro {
        max-width: 48rem;
      }
      .intro {
        margin-bottom: 12px;
      }
      .choice {
        max-width: 28rem;
        margin-bottom: 8px;
      }
      details {
        border-bottom: 1px solid var(--line);
      }
      form > p {
        margin-top: 8px;
      }
      form > .row {
        margin: 16px 0 8px;
      }
      .linked {
        margin: 16px 0;
      }
      .linked h3 {
        margin-bottom: 4px;
      }
      li {
        padding: 16px 0 8px;
        border-top: 1px solid var(--line);
      }
      ul {
        margin-top: 16px;
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare chosen: Experiment
  /** What the page's link brought. */
  declare linked: SharedRun | null
  declare problem: Problem | null
  declare starting: boolean

  constructor() {
    super()
    this.api = null
    this.state = null
    this.chosen = PUBLISHED[0]?.experiment as Experiment
    this.linked = null
    this.problem = null
    this.starting = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const text = new URLSearchParams(location.search).get(EXPERIMENT_QUERY)
    if (text === null || this.linked) return
    try {
      this.linked = decodeSharedRun(text)
      this.chosen = this.linked.experiment
    } catch (error) {
      this.problem = problemOf(error)
    }
  }

  override render() {
    const { state, chosen } = this
    if (!state) return nothing
    const words = experimentWords()
    const wrong = whatIsWrong(chosen)
    const { gpu } = state
    const title = (experiment: Experiment) => experimentTitle(experiment)
    const isListed = LISTED.some(({ experiment }) => experiment.name === chosen.name)
    return html`<p class="intro soft">${words.intro}</p>
      <form novalidate @submit=${(event: Event) => this.start(event)}>
        <div class="choice">
          ${choiceField({
            label: words.choice,
            value: chosen.name,
            options: [
              ...LISTED.map(({ experiment, group }) => ({
                value: experiment.name,
                label: title(experiment),
                group: words.groups[group],
              })),
              ...(isListed ? [] : [{ value: chosen.name, label: title(chosen) }]),
            ],
            hint: experimentAbout(chosen),
            onChange: (name) => this.choose(name),
          })}
        </div>
        ${this.linked ? html`<p class="small" role="status">${words.fromLink}</p>` : nothing}
        <details>
          <summary>${words.settings}</summary>
          <experiment-settings
            .experiment=${chosen}
            @change-experiment=${(event: CustomEvent<Partial<Experiment>>) =>
              (this.chosen = { ...chosen, ...event.detail })}
          ></experiment-settings>
        </details>
        <p class="small soft">${costOf(chosen)}</p>
        ${wrong === null ? nothing : html`<p class="problem" role="alert">${renderProblem(wrong)}</p>`}
        ${
          gpu.kind === 'none'
            ? html`<p class="problem">${words.noGpu}</p>
                <div class="problem">${renderGpuProblem(gpu)}</div>`
            : nothing
        }
        ${this.problem ? html`<p class="problem" role="alert">${renderProblem(this.problem)}</p>` : nothing}
        <div class="row">
          <button class="primary" ?disabled=${wrong !== null || gpu.kind === 'none' || this.starting}>
            ${this.starting ? words.starting : words.start}
          </button>
          <copy-button label=${words.copySettings} .text=${linkTo({ experiment: chosen, cells: [] })}></copy-button>
        </div>
      </form>
      ${this.renderLinked()}
      ${
        state.experiments.length === 0
          ? html`<p class="soft">${words.none}</p>`
          : html`<ul @take-experiment=${(event: CustomEvent<Experiment>) => this.take(event.detail)}>
              ${repeat(
                state.experiments,
                ({ id }) => id,
                (run) => html`<li><experiment-card .api=${this.api} .run=${run}></experiment-card></li>`,
              )}
            </ul>`
      }`
  }

  /** What somebody else found, apart from what was computed here. */
  private renderLinked() {
    const { linked } = this
    if (!linked || linked.cells.length === 0) return nothing
    const words = experimentWords()
    return html`<section class="linked" aria-label=${words.linkTitle}>
      <h3>${words.linkTitle}: ${experimentTitle(linked.experiment)}</h3>
      <p class="small soft">${words.linkNote}</p>
      <experiment-plot .experiment=${linked.experiment} .cells=${linked.cells}></experiment-plot>
      <experiment-table .experiment=${linked.experiment} .cells=${linked.cells}></experiment-table>
    </section>`
  }

  private choose(name: string): void {
    const found = LISTED.find(({ experiment }) => experiment.name === name)
    if (found) this.chosen = found.experiment
  }

  private take(experiment: Experiment): void {
    this.chosen = experiment
    this.renderRoot.querySelector('form')?.scrollIntoView({ block: 'start' })
    this.renderRoot.querySelector<HTMLElement>('select')?.focus({ preventScroll: true })
  }

  private async start(event: Event): Promise<void> {
    event.preventDefault()
    if (!this.api || this.starting || whatIsWrong(this.chosen) !== null) return
    this.problem = null
    this.starting = true
    try {
      await this.api.startExperiment(this.chosen)
    } catch (error) {
      this.problem = problemOf(error)
    }
    this.starting = false
  }
}

function whatIsWrong(experiment: Experiment): Problem | null {
  try {
    parseExperiment(experiment)
    return null
  } catch (error) {
    return problemOf(error)
  }
}

function costOf({ seeds, arms, rounds, nodes, trainer }: Experiment): string {
  const windows = seeds.length * arms.length * rounds * nodes.length * trainer.steps * trainer.batch
  return experimentWords().cost(seeds.length, arms.length, rounds, nodes.length, formatCount(windows || 0))
}

customElements.define('experiment-list', ExperimentList)
