// The Lab: train on a text, follow the runs, keep genomes, merge them.

import { css, html, LitElement, nothing, type PropertyValues } from 'lit'
import { errorMessage } from '#core/errors.ts'
import type { NodeApi, NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { pageStyles } from '../../ui/page-styles.ts'
import type { SortedFiles } from '../../ui/sort-files.ts'
import { GenomeList } from './genome-list.ts'
import './merge-form.ts'
import './run-list.ts'
import { TrainingForm } from './training-form.ts'

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
  declare problem: string
  readonly #opened = new Set<string>()

  constructor() {
    super()
    this.hidden = false
    this.api = null
    this.state = null
    this.news = ''
    this.problem = ''
  }

  override willUpdate(changed: PropertyValues<this>): void {
    const before = changed.get('state')
    if (before && this.state) this.news = whatHappened(before, this.state) ?? this.news
    if (!this.hidden) void this.openModels()
  }

  override render() {
    const { api, state } = this
    if (!state) return html`<div class="page"><p class="soft" role="status">Starting this tab’s node…</p></div>`
    return html`<div class="page" @chat-with=${(event: CustomEvent<string>) => this.chatWith(event.detail)}>
      <div class="pair">
        <section aria-labelledby="train">
          <h2 id="train">Train</h2>
          <training-form .api=${api} .state=${state} @run-started=${() => this.showRuns()}></training-form>
        </section>
        <section aria-labelledby="runs">
          <h2 id="runs" tabindex="-1">Runs</h2>
          <run-list .api=${api} .state=${state}></run-list>
        </section>
      </div>
      <section aria-labelledby="genomes">
        <h2 id="genomes">Genomes</h2>
        ${this.problem ? html`<p class="loss" role="alert">${this.problem}</p>` : nothing}
        <genome-list .api=${api} .state=${state}></genome-list>
      </section>
      <section aria-labelledby="merge">
        <h2 id="merge">Merge</h2>
        <merge-form .api=${api} .state=${state}></merge-form>
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
    this.problem = ''
    try {
      if (!on.some((adapter) => adapter.genomeId === genomeId)) {
        await api.setAdapters(modelId, [...on, { genomeId, weight: 1 }])
      }
      this.dispatchEvent(new CustomEvent('open-chat', { detail: modelId, bubbles: true, composed: true }))
    } catch (error) {
      this.problem = errorMessage(error)
    }
  }

  private showRuns(): void {
    const heading = this.renderRoot.querySelector<HTMLElement>('#runs')
    heading?.scrollIntoView({ block: 'nearest' })
    heading?.focus({ preventScroll: true })
  }
}

/** Runs that began, stood still or ended; their steps are not news. */
function whatHappened(before: NodeState, now: NodeState): string | null {
  for (const run of now.runs) {
    const was = before.runs.find((one) => one.id === run.id)?.status
    if (was === run.status) continue
    if (run.status === 'running') return `${run.name} is training.`
    if (run.status === 'paused') return `${run.name} is paused.`
    if (run.status === 'finished') return `${run.name} has ended.`
    if (run.status === 'failed') return `${run.name} stopped: ${run.error?.message ?? ''}`
  }
  const known = new Set(before.genomes.map((genome) => genome.id))
  const fresh = now.genomes.find((genome) => !known.has(genome.id))
  return fresh ? `${fresh.name} stands among the genomes now.` : null
}

customElements.define(LabApp.tag, LabApp)
