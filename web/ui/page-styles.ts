// The page of an app that scrolls: its width, its margins, and two columns that become one on a phone.

import { css } from 'lit'

export const pageStyles = css`
  :host {
    display: block;
    height: 100%;
    overflow-y: auto;
    /* What is hidden inside scrolls along, and does not make the document longer than the window. */
    position: relative;
  }
  .page {
    max-width: 1180px;
    margin: 0 auto;
    padding: 32px 32px 64px;
  }
  .pair {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: 40px 64px;
  }
  h2 {
    margin-bottom: 12px;
  }
  @media (max-width: 860px) {
    .page {
      padding: 24px 16px 48px;
    }
    .pair {
      grid-template-columns: minmax(0, 1fr);
    }
  }
`
