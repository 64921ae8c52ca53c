// How the merge is laid out: settings at one side, the picture at the other.

import { css } from 'lit'

export const mergeFormStyles = css`
  :host {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: 24px 64px;
    align-items: start;
  }
  :host > p {
    grid-column: 1 / -1;
    max-width: var(--column);
  }
  fieldset {
    min-width: 0;
    margin: 0;
    padding: 0;
    border: 0;
  }
  legend {
    margin-bottom: 4px;
    padding: 0;
    font-size: var(--size-small);
    color: var(--ink-soft);
  }
  .swap {
    margin-left: -8px;
  }
  .operator,
  merge-parameters,
  .rest {
    margin-top: 16px;
  }
  .rest {
    grid-template-columns: repeat(auto-fill, minmax(200px, 1fr));
  }
  .note {
    margin-top: 6px;
    color: var(--ink-soft);
    line-height: 1.5;
  }
  .note.inexact {
    padding-left: 12px;
    border-left: 3px solid var(--line-strong);
  }
  .primary {
    margin-top: 16px;
  }
  .outcome {
    position: sticky;
    top: 24px;
    min-width: 0;
  }
  dl {
    display: flex;
    flex-wrap: wrap;
    gap: 4px 24px;
    margin: 16px 0 8px;
  }
  dt {
    font-size: var(--size-small);
    color: var(--ink-soft);
    line-height: 1.4;
  }
  copy-button {
    margin-left: 4px;
  }
  .outcome .problem,
  progress-bar {
    display: block;
    margin-top: 16px;
  }
  @media (max-width: 860px) {
    :host {
      grid-template-columns: minmax(0, 1fr);
    }
    .outcome {
      position: static;
    }
  }
`
