// Inviting another device: a link to copy and the same as a QR code, and a field for a link one was given.

import { css, html, LitElement, nothing } from 'lit'
import { generate } from 'lean-qr'
import { toSvgPath } from 'lean-qr/extras/svg'
import type { NodeApi, NodeState } from '../../worker/node/api.ts'
import { errorMessage } from '#core/errors.ts'
import { baseStyles } from './base-styles.ts'
import { countOf } from './format.ts'
import './copy-button.ts'

const LOCAL_HOST = /^(localhost|127\.|\[::1\]|.*\.localhost$)/
const QUIET_ZONE = 4

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
        display: block;
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
  declare problem: string
  declare busy: boolean
  declare given: string

  constructor() {
    super()
    this.api = null
    this.state = null
    this.problem = ''
    this.busy = false
    this.given = ''
  }

  override render() {
    const room = this.state?.room
    return html`
      ${room ? this.renderInvite(room.invite) : this.renderStart()}
      ${this.problem ? html`<p class="loss" role="alert">${this.problem}</p>` : nothing}
    `
  }

  private renderStart() {
    const server = this.state?.server.state
    return html`
      <div class="stack">
        <p>
          Share makes an invite link. Whoever opens it in another browser joins this tab, and the model’s layers are
          spread over both.
        </p>
        <button
          class="primary"
          ?disabled=${this.busy || server !== 'open'}
          @click=${() => this.act((api) => api.share())}
        >
          Make an invite link
        </button>
        ${
          server === 'open'
            ? nothing
            : html`<p class="small soft">
                The tabs find each other through the server, which cannot be reached at the moment.
              </p>`
        }
      </div>
      <form @submit=${(event: Event) => this.join(event)}>
        <input
          aria-label="Invite link you were given"
          placeholder="or paste a link you were given"
          .value=${this.given}
          @input=${(event: Event) => (this.given = (event.target as HTMLInputElement).value)}
        />
        <button ?disabled=${this.busy || this.given.trim() === ''}>Join</button>
      </form>
    `
  }

  private renderInvite(invite: string) {
    const others = this.state?.peers.length ?? 0
    return html`
      <div class="invite">
        <div>
          <p>
            Open this link in another browser or scan the code.
            ${
              others > 0
                ? html`${countOf(others, 'other node')} ${others === 1 ? 'is' : 'are'} in the room.`
                : 'Nobody else is in the room yet.'
            }
          </p>
          <div class="link">
            <input
              readonly
              aria-label="Invite link"
              .value=${invite}
              @focus=${(event: Event) => (event.target as HTMLInputElement).select()}
            />
            <copy-button .text=${invite}></copy-button>
          </div>
          ${this.renderReach(invite)}
          <button class="plain leave" ?disabled=${this.busy} @click=${() => this.act((api) => api.leave())}>
            Leave the room
          </button>
        </div>
        ${renderQr(invite)}
      </div>
    `
  }

  private renderReach(invite: string) {
    if (!URL.canParse(invite) || !LOCAL_HOST.test(new URL(invite).host)) return nothing
    return html`<p class="small soft">
      This address exists on this computer only, so the link works for its other browsers and tabs. For another device,
      serve the page over HTTPS under a name that device can reach, and share from there.
    </p>`
  }

  private async join(event: Event): Promise<void> {
    event.preventDefault()
    await this.act((api) => api.join(this.given.trim()))
    if (!this.problem) this.given = ''
  }

  private async act(action: (api: NodeApi) => Promise<unknown>): Promise<void> {
    if (!this.api) return
    this.busy = true
    this.problem = ''
    try {
      await action(this.api)
    } catch (error) {
      this.problem = errorMessage(error)
    } finally {
      this.busy = false
    }
  }
}

function renderQr(text: string) {
  const code = generate(text)
  const size = code.size + 2 * QUIET_ZONE
  return html`<svg
    viewBox="${-QUIET_ZONE} ${-QUIET_ZONE} ${size} ${size}"
    shape-rendering="crispEdges"
    role="img"
    aria-label="QR code of the invite link"
  >
    <path d=${toSvgPath(code)} fill="currentColor" />
  </svg>`
}

customElements.define('share-panel', SharePanel)
