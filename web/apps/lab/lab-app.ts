// The Lab: train on a text, follow the runs, keep genomes, merge them.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import { EXPERIMENT_QUERY } from '#core/experiments/share-link.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { problemOf, renderProblem, type Problem } from '../../ui/error-words.ts'
import { pageStyles } from '../../ui/page-styles.ts'
import type { SortedFiles } from '../../ui/sort-files.ts'
import './arrival-list.ts'
import './experiment-list.ts'
import { GenomeList } from './genome-list.ts'
import './lineage-graph.ts'
import './merge-form.ts'
import './room-genomes.ts'
import './run-list.ts'
import { TrainingForm } from './training-form.ts'
import { experimentWords, labWords } from './words/lab-words.ts'

export class LabApp extends LitElement {
  static readonly tag = 'lab-app'

  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    hidden: { type: Boolean },
    news: { state: true },
    problem: { state: true },
  }

  static override styles = [
    baseStyles,
    pageStyles,
    css`
      .pair {
        align-items: start;
      }
      section {
        min-width: 0;
      }
      .pair ~ section {
        margin-top: 48px;
        padding-top: 24px;
        border-top: 1px solid var(--line);
      }
      @media (max-width: 860px) {
        .pair ~ section {
          margin-top: 40px;
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare hidden: boolean
  /** What happened last, for those who do not see it happen. */
  declare news: string
  declare problem: Problem | null
  readonly #opened = new Set<string>()
  /** A link to an experiment brought the page here. */
  #linked = new URLSearchParams(location.search).has(EXPERIMENT_QUERY)

  constructor() {
    super()
    this.hidden = false
    this.api = null
    this.state = null
    this.news = ''
    this.problem = null
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('state')
    if (before && this.state) this.news = whatHappened(before, this.state) ?? this.news
    if (!this.hidden) void this.openModels()
  }

  override updated(): void {
    if (!this.#linked || this.hidden || !this.state) return
    this.#linked = false
    this.renderRoot.querySelector<HTMLElement>('#experiments')?.scrollIntoView({ block: 'start' })
  }

  override render() {
    const { api, state } = this
    if (!state) return html`<div class="page"><p class="soft" role="status">${labWords().app.starting}</p></div>`
    return html`<div class="page" @chat-with=${(event: CustomEvent<string>) => this.chatWith(event.detail)}>
      <div class="pair">
        <section aria-labelledby="train">
          <h2 id="train">${labWords().app.train}</h2>
          <training-form .api=${api} .state=${state} @run-started=${() => this.showRuns()}></training-form>
        </section>
        <section aria-labelledby="runs">
          <h2 id="runs" tabindex="-1">${labWords().app.runs}</h2>
          <run-list .api=${api} .state=${state}></run-list>
        </section>
      </div>
      <section aria-labelledby="genomes">
        <h2 id="genomes">${labWords().app.genomes}</h2>
        ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
        <genome-list .api=${api} .state=${state}></genome-list>
      </section>
      <section aria-labelledby="lineage" @show-genome=${(event: CustomEvent<string>) => this.showGenome(event.detail)}>
        <h2 id="lineage">${experimentWords().lineage}</h2>
        <lineage-graph .state=${state}></lineage-graph>
      </section>
      <section aria-labelledby="room-genomes">
        <h2 id="room-genomes">${labWords().app.roomGenomes}</h2>
        <room-genomes .api=${api} .state=${state}></room-genomes>
      </section>
      <section aria-labelledby="arrivals">
        <h2 id="arrivals">${labWords().app.arrivals}</h2>
        <arrival-list .api=${api} .state=${state}></arrival-list>
      </section>
      <section aria-labelledby="merge">
        <h2 id="merge">${labWords().app.merge}</h2>
        <merge-form .api=${api} .state=${state}></merge-form>
      </section>
      <section aria-labelledby="experiments">
        <h2 id="experiments" tabindex="-1">${experimentWords().heading}</h2>
        <experiment-list .api=${api} .state=${state}></experiment-list>
      </section>
      <p class="visually-hidden" role="status">${this.news}</p>
    </div>`
  }

  /** Takes files that were dropped on the page. */
  takeFiles({ purpose, files }: SortedFiles): void {
    if (purpose === 'adapter') this.renderRoot.querySelector<GenomeList>(GenomeList.tag)?.addFiles(files)
    else this.renderRoot.querySelector<TrainingForm>(TrainingForm.tag)?.addFiles(files)
  }

  /** Genomes know their model by its fingerprint, which the node has of models it opened: those are opened once. */
  private async openModels(): Promise<void> {
    const { api, state } = this
    if (!api || !state) return
    const wanted = new Set(state.genomes.flatMap(({ modelId, baseName }) => (modelId === null ? baseName : [])))
    for (const { id, title, config } of state.models) {
      if (config || !wanted.has(title) || this.#opened.has(id)) continue
      this.#opened.add(id)
      // Out of reach for now: the genome's card says that its model is missing.
      await api.estimateModel(id).catch(() => undefined)
    }
  }

  /** Switches a genome on beside those that are, and asks the shell for the chat. */
  private async chatWith(genomeId: string): Promise<void> {
    const { api, state } = this
    const modelId = state?.genomes.find((genome) => genome.id === genomeId)?.modelId
    if (!api || !state || !modelId) return
    const on = state.placement?.modelId === modelId ? state.adapters : []
    this.problem = null
    try {
      if (!on.some((adapter) => adapter.genomeId === genomeId)) {
        await api.setAdapters(modelId, [...on, { genomeId, weight: 1 }])
      }
      this.dispatchEvent(new CustomEvent('open-chat', { detail: modelId, bubbles: true, composed: true }))
    } catch (error) {
      this.problem = problemOf(error)
    }
  }

  private showGenome(genomeId: string): void {
    this.renderRoot.querySelector<GenomeList>(GenomeList.tag)?.show(genomeId)
  }

  private showRuns(): void {
    const heading = this.renderRoot.querySelector<HTMLElement>('#runs')
    heading?.scrollIntoView({ block: 'nearest' })
    heading?.focus({ preventScroll: true })
  }
}

/** Runs that began, stood still or ended; their steps are not news. */
function whatHappened(before: NodeState, now: NodeState): string | null {
  const words = labWords().app
  for (const run of now.runs) {
    const was = before.runs.find((one) => one.id === run.id)?.status
    if (was === run.status) continue
    if (run.status === 'running') return words.isTraining(run.name)
    if (run.status === 'paused') return words.isPaused(run.name)
    if (run.status === 'finished') return words.hasEnded(run.name)
    if (run.status === 'failed') return words.stopped(run.name, run.error?.message ?? '')
  }
  for (const arrival of now.arrivals) {
    const was = before.arrivals.find((one) => one.id === arrival.id)
    if (!was) return words.arrived(arrival.name)
    if (!was.judgement && arrival.judgement) {
      return words.judged(arrival.name, arrival.judgement.accepted)
    }
  }
  const known = new Set(before.genomes.map((genome) => genome.id))
  const fresh = now.genomes.find((genome) => !known.has(genome.id))
  return fresh ? words.stands(fresh.name) : null
}

customElements.define(LabApp.tag, LabApp)
