// How the training form is laid out.

import { css } from 'lit'

export const trainingFormStyles = css`
  :host {
    display: block;
  }
  .pair {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(220px, 1fr));
    gap: 16px;
    margin: 16px 0 8px;
  }
  details {
    border-bottom: 1px solid var(--line);
  }
  .folded {
    padding: 8px 0 16px;
  }
  .answer {
    margin-top: 16px;
  }
  .answer p + p {
    margin-top: 4px;
  }
  form > .row {
    margin-top: 16px;
    gap: var(--step) 16px;
  }
`
