// How a card of an arrival looks: rows of layers, told apart by words first and by colour second.

import { css } from 'lit'

export const arrivalCardStyles = css`
  :host {
    display: block;
  }
  article {
    overflow-wrap: anywhere;
  }
  .head {
    display: flex;
    flex-wrap: wrap;
    align-items: baseline;
    justify-content: space-between;
    gap: 0 16px;
  }
  .use {
    color: var(--ink-soft);
  }
  .use.held {
    color: var(--ink);
    font-weight: 600;
  }
  .summary {
    margin-top: 4px;
  }
  .summary:empty {
    display: none;
  }
  .warning {
    margin-top: 4px;
    color: var(--loss);
  }
  .actions {
    margin-left: -8px;
    gap: 4px;
  }
  .details {
    padding: 4px 0 8px;
  }
  ol li {
    display: flex;
    gap: 8px;
    padding: 4px 0;
    border-top: 1px solid var(--line);
  }
  .place {
    flex: none;
    width: 18px;
    color: var(--ink-soft);
    text-align: right;
  }
  .layer {
    min-width: 0;
  }
  .outcome {
    margin-left: 6px;
  }
  .passed .outcome {
    color: var(--accent);
  }
  .refused .outcome {
    color: var(--loss);
    font-weight: 600;
  }
  .not-run .outcome {
    color: var(--ink-soft);
  }
  .cost {
    margin-left: 6px;
  }
  .message {
    display: block;
    color: var(--ink-soft);
  }
  .refused .message {
    color: var(--ink);
  }
  h4 {
    margin: 12px 0 2px;
    font-size: var(--size-small);
    font-weight: 600;
  }
  .ids {
    margin-top: 8px;
  }
`
