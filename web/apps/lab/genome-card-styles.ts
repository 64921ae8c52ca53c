// How a genome is laid out, and what its switch looks like.

import { css } from 'lit'

export const genomeCardStyles = css`
  :host {
    display: block;
    min-width: 0;
  }
  .head {
    display: flex;
    align-items: flex-start;
    justify-content: space-between;
    gap: 8px 16px;
  }
  .what {
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .figures {
    display: flex;
    flex-wrap: wrap;
    font-variant-numeric: tabular-nums;
  }
  .figures span:not(:last-child)::after {
    content: '·';
    margin: 0 6px;
  }
  .on {
    display: flex;
    flex: none;
    align-items: center;
    gap: 4px 16px;
  }
  .weight,
  .switch {
    display: flex;
    align-items: center;
    gap: 8px;
  }
  .share {
    padding: 0 8px;
  }
  .weight input {
    width: 72px;
    min-height: 32px;
    padding: 2px 8px;
  }
  [role='switch'] {
    appearance: none;
    position: relative;
    width: 40px;
    height: 24px;
    min-height: 0;
    margin: 0;
    padding: 0;
    border: 1px solid var(--line-strong);
    border-radius: 12px;
    background: var(--paper-sunken);
    cursor: pointer;
  }
  [role='switch']::after {
    content: '';
    position: absolute;
    top: 3px;
    left: 3px;
    width: 16px;
    height: 16px;
    border-radius: 50%;
    background: var(--ink-soft);
    transition: transform 0.12s;
  }
  [role='switch']:checked {
    border-color: var(--accent);
    background: var(--accent);
  }
  [role='switch']:checked::after {
    transform: translateX(16px);
    background: var(--accent-ink);
  }
  .actions {
    margin-left: -8px;
    gap: 4px;
  }
  .none {
    padding: 0 8px;
  }
  .details dl {
    display: grid;
    grid-template-columns: max-content minmax(0, 1fr);
    gap: 2px 16px;
    align-items: baseline;
    padding: 4px 0 8px;
    overflow-wrap: anywhere;
  }
  dt {
    color: var(--ink-soft);
  }
  copy-button {
    margin-left: 8px;
  }
  merge-flow {
    margin: 8px 0 12px;
  }
  @media (prefers-reduced-motion: reduce) {
    [role='switch']::after {
      transition: none;
    }
  }
  @media (max-width: 480px) {
    .weight span {
      position: absolute;
      clip-path: inset(50%);
    }
  }
`
