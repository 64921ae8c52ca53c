// What one genome earned for its lineage, drawn as a tree: a row for each member, with its author and its share.

import { css, html, LitElement, nothing, svg } from 'lit'
import type { NodeState } from '../../../worker/node/api.ts'
import type { RoyaltyTree } from '../../../worker/node/wallet-api.ts'
import { baseStyles } from '../../ui/base-styles.ts'
import { nodeColour } from '../../ui/node-colours.ts'
import { joinNames } from '../../ui/node-names.ts'
import { styled } from '../../ui/styled.ts'
import { genomeName } from './entry-words.ts'
import { formatCen, formatPpm } from './figures.ts'
import { partyName } from './party-names.ts'
import { layOutTree, type TreeLine, type TreeRow } from './tree-layout.ts'
import { walletWords } from './words/wallet-words.ts'

/** Pixels. */
const ROW = 60
const STEP = 28
const WIDEST = 112
const LEFT = 10
const BEND = 10

export class RoyaltyTreeView extends LitElement {
  static override properties = { state: { attribute: false }, tree: { attribute: false } }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: block;
      }
      .picture {
        position: relative;
        margin-top: 12px;
      }
      svg {
        position: absolute;
        top: 0;
        left: 0;
      }
      li {
        display: grid;
        grid-template-columns: minmax(0, 1fr) auto;
        align-content: center;
        gap: 0 16px;
        height: 60px;
        line-height: 1.35;
      }
      li > * {
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .share {
        text-align: right;
      }
      .mine .name,
      .mine .share {
        font-weight: 600;
      }
      .bar {
        grid-column: 1 / -1;
        height: 3px;
        margin-top: 4px;
        border-radius: 2px;
        background: var(--line);
      }
      .bar span {
        display: block;
        height: 100%;
        border-radius: 2px;
      }
    `,
  ]

  declare state: NodeState | null
  declare tree: RoyaltyTree | null

  constructor() {
    super()
    this.state = null
    this.tree = null
  }

  override render() {
    const words = walletWords().royalties
    const { state, tree } = this
    if (!state || !tree) return nothing
    const { rows, lines } = layOutTree(tree.members)
    const deepest = Math.max(...tree.members.map(({ generation }) => generation))
    const step = Math.min(STEP, WIDEST / Math.max(1, deepest))
    const x = ({ member }: TreeRow) => LEFT + member.generation * step
    const most = Math.max(1, ...tree.members.map(({ settled, running }) => settled + running))
    const moved = [
      ...(tree.settled > 0 ? [words.settled(formatCen(tree.settled))] : []),
      ...(tree.waiting > 0 ? [words.waiting(formatCen(tree.waiting))] : []),
      ...(tree.running > 0 ? [words.running(formatCen(tree.running))] : []),
    ]
    return html`
      <h3>${genomeName(state, tree.genome)}</h3>
      <p class="small soft">
        ${tree.byThis ? words.byThis : words.byOther(partyName(state, tree.payer))}:
        ${words.terms(formatPpm(tree.sharePpm), formatPpm(tree.decayPpm), tree.depth)}
      </p>
      <p class="small">${moved.join(' · ')}</p>
      <div class="picture">
        <svg width=${LEFT + deepest * step + 8} height=${rows.length * ROW} aria-hidden="true">
          ${lines.map((line) => renderLine(line, x))}
          ${rows.map(
            (row) =>
              svg`<circle cx=${x(row)} cy=${row.row * ROW + ROW / 2} r="6" fill=${row.member.author ? nodeColour(row.member.author) : 'var(--paper)'} stroke=${row.member.author ? 'none' : 'var(--line-strong)'} stroke-width="1.5" />`,
          )}
        </svg>
        <ul>
          ${rows.map((row) => this.renderRow(state, row, x(row), most))}
        </ul>
      </div>
    `
  }

  private renderRow(state: NodeState, { member }: TreeRow, x: number, most: number) {
    const words = walletWords().royalties
    const { genome, author, mine, settled, waiting, running, children } = member
    const known = genomeName(state, genome)
    const who = author === null ? words.waits : mine ? words.you : partyName(state, author)
    const late = author !== null && waiting > 0 ? ` · ${words.notPaid(formatCen(waiting))}` : ''
    const below = children.map((id) => this.nameOf(state, id))
    return html`<li class=${mine ? 'mine' : ''} data-member=${genome.id} ${styled({ 'margin-left': `${x + 18}px` })}>
      <span class="name">${known}</span>
      <span class="share figure">${formatCen(settled)}</span>
      <span class="small soft"
        >${who}${late}<span class="visually-hidden"
          >. ${below.length > 0 ? words.parentOf(joinNames(below)) : words.used}</span
        ></span
      >
      <span class="share small soft figure">${running > 0 ? words.soFar(formatCen(running)) : nothing}</span>
      <div class="bar" aria-hidden="true">
        <span
          ${styled({
            width: `${(100 * (settled + running)) / most}%`,
            background: author ? nodeColour(author) : 'var(--line-strong)',
          })}
        ></span>
      </div>
    </li>`
  }

  private nameOf(state: NodeState, id: string): string {
    const member = this.tree?.members.find(({ genome }) => genome.id === id)
    return genomeName(state, member?.genome ?? { id, name: null })
  }
}

/** Down from the child, then across to the parent; a second one dashed and a little aside. */
function renderLine({ from, to, second }: TreeLine, x: (row: TreeRow) => number) {
  const aside = second ? 3 : 0
  const [x1, x2] = [x(from) + aside, x(to)]
  const [y1, y2] = [from.row * ROW + ROW / 2, to.row * ROW + ROW / 2 + aside]
  const bend = Math.min(BEND, x2 - x1) * Math.sign(y2 - y1)
  const path = `M${x1} ${y1}V${y2 - bend}Q${x1} ${y2} ${x1 + Math.abs(bend)} ${y2}H${x2}`
  return svg`<path d=${path} fill="none" stroke="var(--line-strong)" stroke-width="1.5" stroke-dasharray=${second ? '3 4' : nothing} />`
}

customElements.define('royalty-tree', RoyaltyTreeView)
