// The forms of the wallet: a label over its field, fields beside each other where there is room, what is wrong under them.

import { css } from 'lit'

export const formStyles = css`
  :host {
    display: block;
  }
  form,
  .stack {
    display: grid;
    gap: 16px;
    justify-items: start;
  }
  .fields {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 150px), 1fr));
    gap: 12px 16px;
    width: 100%;
    align-items: end;
  }
  .field {
    display: block;
    width: 100%;
  }
  .field > span {
    display: block;
    margin-bottom: 2px;
    font-size: var(--size-small);
    color: var(--ink-soft);
  }
  .field input,
  .field select {
    height: 44px;
  }
  input[inputmode='numeric'] {
    font-variant-numeric: tabular-nums;
  }
  .tick {
    display: grid;
    grid-template-columns: auto minmax(0, 1fr);
    gap: 0 12px;
    align-items: start;
  }
  .tick input {
    width: 18px;
    height: 18px;
    min-height: 0;
    margin: 4px 0 0;
    accent-color: var(--accent);
  }
  .tick .hint {
    grid-column: 2;
  }
  .hint {
    font-size: var(--size-small);
    color: var(--ink-soft);
  }
  svg.qr {
    display: block;
    width: min(100%, 240px);
    height: auto;
    border-radius: var(--radius);
    background: #fff;
    color: #000;
  }
  .link {
    display: flex;
    gap: var(--step);
    width: 100%;
  }
  .link input {
    font-family: var(--mono);
    font-size: var(--size-small);
  }
`
