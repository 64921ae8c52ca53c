// The few icons of the pages, drawn on a 24-pixel grid in the colour of the text.

import { html, svg } from 'lit'

/** One icon from its strokes. */
export function icon(paths: ReturnType<typeof svg>) {
  return html`<svg
    width="22"
    height="22"
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="1.75"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    ${paths}
  </svg>`
}

export const icons = {
  chat: icon(
    svg`<path d="M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H10l-4.5 4v-4A1.5 1.5 0 0 1 4 14.5z"/>`,
  ),
  lab: icon(
    svg`<path d="M9.5 4h5M10.5 4v5.5L5.6 17.8A1.5 1.5 0 0 0 6.9 20h10.2a1.5 1.5 0 0 0 1.3-2.2L13.5 9.5V4M7.6 14.5h8.8"/>`,
  ),
  wallet: icon(
    svg`<path d="M18 8V6.5A1.5 1.5 0 0 0 16.5 5h-10A2.5 2.5 0 0 0 4 7.5v9A2.5 2.5 0 0 0 6.5 19h12a1.5 1.5 0 0 0 1.5-1.5v-8A1.5 1.5 0 0 0 18.5 8H5"/><circle cx="16.2" cy="13.5" r="1" fill="currentColor"/>`,
  ),
  node: icon(
    svg`<circle cx="6" cy="12" r="2.5"/><circle cx="18" cy="6" r="2.5"/><circle cx="18" cy="18" r="2.5"/><path d="m8.3 10.9 7.4-3.8M8.3 13.1l7.4 3.8"/>`,
  ),
  share: icon(svg`<path d="M12 15V4m0 0L8 8m4-4 4 4M5 13v5a2 2 0 0 0 2 2h10a2 2 0 0 0 2-2v-5"/>`),
  send: icon(svg`<path d="M12 19V5m0 0-6 6m6-6 6 6"/>`),
  stop: icon(svg`<rect x="7" y="7" width="10" height="10" rx="1.5" fill="currentColor"/>`),
  chevron: icon(svg`<path d="m7 10 5 5 5-5"/>`),
  close: icon(svg`<path d="M7 7l10 10M17 7 7 17"/>`),
  copy: icon(svg`<rect x="9" y="9" width="10" height="10" rx="2"/><path d="M5 15V7a2 2 0 0 1 2-2h8"/>`),
  plus: icon(svg`<path d="M12 5v14M5 12h14"/>`),
}
