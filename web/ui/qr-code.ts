// A text as a QR code: black on white in both schemes, with the quiet zone that scanners need.

import { html } from 'lit'
import { generate } from 'lean-qr'
import { toSvgPath } from 'lean-qr/extras/svg'

const QUIET_ZONE = 4

export function renderQr(text: string, label: string) {
  const code = generate(text)
  const size = code.size + 2 * QUIET_ZONE
  return html`<svg
    class="qr"
    viewBox="${-QUIET_ZONE} ${-QUIET_ZONE} ${size} ${size}"
    shape-rendering="crispEdges"
    role="img"
    aria-label=${label}
  >
    <path d=${toSvgPath(code)} fill="currentColor" />
  </svg>`
}
