// Inviting another device: a link to copy and the same as a QR code, a field for a link one was given, and devices nearby.

import { css, html, LitElement, nothing } from 'lit'
import type { NodeApi, NodeState } from '../../worker/node/api.ts'
import { baseStyles } from './base-styles.ts'
import { problemOf, renderProblem, type Problem } from './error-words.ts'
import { renderQr } from './qr-code.ts'
import { uiWords } from './words/ui-words.ts'
import './copy-button.ts'
import './meeting-points.ts'
import './nearby-devices.ts'

const LOCAL_HOST = /^(localhost|127\.|\[::1\]|.*\.localhost$)/

export class SharePanel extends LitElement {
  static override properties = {
    api: { attribute: false },
    state: { attribute: false },
    problem: { state: true },
    busy: { state: true },
    given: { state: true },
  }

  static override styles = [
    baseStyles,
    css`
      :host {
        display: flex;
        flex-direction: column;
      }
      .invite {
        display: grid;
        grid-template-columns: 1fr auto;
        gap: 24px;
        align-items: start;
      }
      svg {
        display: block;
        width: 176px;
        height: 176px;
        border-radius: var(--radius);
        background: #fff;
        color: #000;
      }
      .link {
        display: flex;
        gap: var(--step);
        margin: var(--step) 0;
      }
      input {
        font-family: var(--mono);
        font-size: var(--size-small);
      }
      form {
        display: flex;
        gap: var(--step);
        margin-top: 16px;
      }
      .leave {
        margin-left: -8px;
      }
      .more {
        margin-top: 16px;
      }
      .first {
        order: -1;
        margin-bottom: 24px;
      }
      .stack > * + * {
        margin-top: var(--step);
      }
      @media (max-width: 560px) {
        .invite {
          grid-template-columns: 1fr;
        }
      }
    `,
  ]

  declare api: NodeApi | null
  declare state: NodeState | null
  declare problem: Problem | null
  declare busy: boolean
  declare given: string

  constructor() {
    super()
    this.api = null
    this.state = null
    this.problem = null
    this.busy = false
    this.given = ''
  }

  override render() {
    const room = this.state?.room
    // Two people stand there with a device each: what they do comes first.
    const pairing = this.state?.nearby.pairing ?? null
    return html`
      ${room ? this.renderInvite(room.invite) : this.renderStart()}
      ${this.problem ? html`<p class="loss" role="alert">${renderProblem(this.problem)}</p>` : nothing}
      <nearby-devices
        class=${pairing === null ? 'more' : 'first'}
        .api=${this.api}
        .state=${this.state}
      ></nearby-devices>
      <meeting-points class="more" .api=${this.api} .state=${this.state}></meeting-points>
    `
  }

  private renderStart() {
    const ways = this.state?.ways ?? []
    const words = uiWords().share
    const reachable = ways.some(({ state }) => state === 'open' || state === 'idle')
    return html`
      <div class="stack">
        <p>${words.what}</p>
        <button class="primary" ?disabled=${this.busy || !reachable} @click=${() => this.act((api) => api.share())}>
          ${words.make}
        </button>
        ${
          reachable
            ? nothing
            : html`<p class="small soft">${ways.length === 0 ? words.noServer : words.noneReachable}</p>`
        }
      </div>
      <form @submit=${(event: Event) => this.join(event)}>
        <input
          aria-label=${words.given}
          placeholder=${words.paste}
          .value=${this.given}
          @input=${(event: Event) => (this.given = (event.target as HTMLInputElement).value)}
        />
        <button ?disabled=${this.busy || this.given.trim() === ''}>${words.join}</button>
      </form>
    `
  }

  private renderInvite(invite: string) {
    const others = this.state?.peers.length ?? 0
    const words = uiWords().share
    return html`
      <div class="invite">
        <div>
          <p>${words.open} ${others > 0 ? words.others(others) : words.nobody}</p>
          <div class="link">
            <input
              readonly
              aria-label=${words.link}
              .value=${invite}
              @focus=${(event: Event) => (event.target as HTMLInputElement).select()}
            />
            <copy-button .text=${invite}></copy-button>
          </div>
          ${this.renderReach(invite)}
          <button class="plain leave" ?disabled=${this.busy} @click=${() => this.act((api) => api.leave())}>
            ${words.leave}
          </button>
        </div>
        ${renderQr(invite, uiWords().share.code)}
      </div>
    `
  }

  private renderReach(invite: string) {
    if (!URL.canParse(invite) || !LOCAL_HOST.test(new URL(invite).host)) return nothing
    return html`<p class="small soft">${uiWords().share.local}</p>`
  }

  private async join(event: Event): Promise<void> {
    event.preventDefault()
    await this.act((api) => api.join(this.given.trim()))
    if (!this.problem) this.given = ''
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.busy = true
    this.problem = null
    try {
      await action(this.api)
    } catch (error) {
      this.problem = problemOf(error)
    } finally {
      this.busy = false
    }
  }
}

customElements.define('share-panel', SharePanel)
