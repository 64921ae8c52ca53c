// The lineage of this node's genomes as a graph: founders on the left, what was made of them to the right. Each genome is a
// button; the chosen one shows its parents and children, and its way to its card.

import { css, html, LitElement, nothing, svg } from 'lit'
import type { NodeState } from '../../../worker/node/api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { formatId } from '../../ui/format.ts'
import { styled } from '../../ui/styled.ts'
import { operatorTitle } from './genome-words.ts'
import { layOutLineage, type Lineage, type LineageNode } from './lineage.ts'
import { experimentWords } from './words/lab-words.ts'

const COLUMN = 252
const ROW = 60
const BOX = { width: 196, height: 44 }

export class LineageGraph extends LitElement {
  static override properties = { state: { attribute: false }, chosen: { state: true } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
        min-width: 0;
      }
      .scroll {
        overflow-x: auto;
        padding: 4px;
        margin: -4px;
      }
      .graph {
        position: relative;
      }
      .graph svg {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
      }
      .edge {
        fill: none;
        stroke: var(--line-strong);
        stroke-width: 1.5;
      }
      .edge.lit {
        stroke: var(--accent);
        stroke-width: 2.5;
      }
      .genome {
        position: absolute;
        display: block;
        width: ${BOX.width}px;
        height: ${BOX.height}px;
        min-height: 0;
        padding: 3px 10px;
        overflow: hidden;
        border-color: var(--line-strong);
        border-left: 4px solid var(--accent);
        text-align: left;
        line-height: 1.25;
      }
      .genome.merged {
        border-left-color: var(--node-1);
      }
      .genome.absent {
        border-style: dashed;
        background: none;
        color: var(--ink-soft);
      }
      .genome[aria-pressed='true'] {
        outline: 2px solid var(--accent);
      }
      .genome span {
        display: block;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .how {
        font-size: var(--size-small);
        color: var(--ink-soft);
      }
      .told {
        min-height: 32px;
        margin-top: 8px;
      }
    `,
  ]

  declare state: NodeState | null
  declare chosen: string

  constructor() {
    super()
    this.state = null
    this.chosen = ''
  }

  override render() {
    const genomes = this.state?.genomes ?? []
    const words = experimentWords()
    if (genomes.length === 0) return html`<p class="soft">${words.lineageEmpty}</p>`
    const lineage = layOutLineage(genomes)
    const size = { width: `${lineage.columns * COLUMN - (COLUMN - BOX.width)}px`, height: `${lineage.rows * ROW}px` }
    return html`<div class="scroll">
        <div class="graph" role="group" aria-label=${words.lineageLabel(genomes.length)} ${styled(size)}>
          <svg aria-hidden="true">${this.renderEdges(lineage)}</svg>
          ${inReadingOrder(lineage).map((node) => this.renderNode(lineage, node))}
        </div>
      </div>
      <div class="small row told" aria-live="polite">${this.renderTold(lineage)}</div>`
  }

  private renderEdges({ nodes }: Lineage) {
    const byId = new Map(nodes.map((node) => [node.id, node]))
    return nodes.flatMap((child) =>
      child.parents.flatMap((id) => {
        const parent = byId.get(id)
        if (!parent) return []
        const from = { x: parent.column * COLUMN + BOX.width, y: parent.row * ROW + BOX.height / 2 }
        const to = { x: child.column * COLUMN, y: child.row * ROW + BOX.height / 2 }
        const bend = Math.min(COLUMN, (to.x - from.x) / 2)
        const lit = this.chosen === child.id || this.chosen === parent.id
        return [
          svg`<path class="edge ${lit ? 'lit' : ''}" d="M${from.x} ${from.y}C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}" />`,
        ]
      }),
    )
  }

  private renderNode(lineage: Lineage, node: LineageNode) {
    const { genome, id, column, row } = node
    const words = experimentWords()
    const name = nameOf(node)
    const how = howMade(node)
    const kind = !genome ? 'absent' : genome.parents.length > 0 ? 'merged' : ''
    return html`<button
      type="button"
      class="genome ${kind}"
      data-lineage=${id}
      aria-pressed=${this.chosen === id}
      aria-label=${words.lineageNode(name, how, namesOf(lineage, node.parents))}
      title=${name}
      ${styled({ left: `${column * COLUMN}px`, top: `${row * ROW}px` })}
      @click=${() => (this.chosen = this.chosen === id ? '' : id)}
    >
      <span>${name}</span><span class="how">${how}</span>
    </button>`
  }

  private renderTold(lineage: Lineage) {
    const node = lineage.nodes.find(({ id }) => id === this.chosen)
    if (!node) return nothing
    const words = experimentWords()
    const { parents, children, genome, column } = node
    return html`<strong>${nameOf(node)}</strong>
      <span class="soft">
        ${words.generation(column)}.
        ${parents.length > 0 ? words.parentsAre(namesOf(lineage, parents)) : genome ? words.noParents : ''}
        ${children.length > 0 ? words.childrenAre(namesOf(lineage, children)) : ''}
      </span>
      ${
        genome
          ? html`<button
              class="plain"
              @click=${() => this.dispatchEvent(new CustomEvent('show-genome', { detail: genome.id, bubbles: true, composed: true }))}
            >
              ${words.show}
            </button>`
          : nothing
      }`
  }
}

/** Column by column from the top: as one reads it, and as Tab goes. */
const inReadingOrder = ({ nodes }: Lineage): readonly LineageNode[] =>
  [...nodes].sort((a, b) => a.column - b.column || a.row - b.row)

const nameOf = ({ genome, id }: LineageNode): string => genome?.name ?? formatId(id)

function howMade({ genome }: LineageNode): string {
  const words = experimentWords()
  if (!genome) return words.unknownParent
  if (genome.operator === 'train') return words.trained
  return genome.operator === 'import' ? words.imported : operatorTitle(genome.operator)
}

const namesOf = ({ nodes }: Lineage, ids: readonly string[]): string =>
  ids.flatMap((id) => nodes.filter((node) => node.id === id).map(nameOf)).join(', ')

customElements.define('lineage-graph', LineageGraph)
