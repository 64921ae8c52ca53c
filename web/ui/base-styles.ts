// What every element of the pages shares: buttons, fields, figures, focus. Colours and sizes come from tokens.css.

import { css } from 'lit'

export const baseStyles = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  :host([hidden]),
  [hidden] {
    display: none !important;
  }

  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd {
    margin: 0;
    padding: 0;
  }

  ul,
  ol {
    list-style: none;
  }

  h2 {
    font-size: var(--size-large);
    font-weight: 600;
    line-height: 1.3;
  }

  h3 {
    font-size: var(--size-body);
    font-weight: 600;
  }

  .small {
    font-size: var(--size-small);
  }

  .soft {
    color: var(--ink-soft);
  }

  .loss {
    color: var(--loss);
  }

  .mono {
    font-family: var(--mono);
    font-size: 0.9em;
  }

  .figure {
    font-variant-numeric: tabular-nums;
    white-space: nowrap;
  }

  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--step);
    min-height: 40px;
    padding: 6px 16px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius);
    background: var(--paper-raised);
    color: var(--ink);
    font: inherit;
    line-height: 1.3;
    cursor: pointer;
  }

  button:hover:not(:disabled) {
    border-color: var(--accent);
    color: var(--accent);
  }

  button:disabled {
    color: var(--ink-soft);
    border-color: var(--line);
    cursor: default;
  }

  button.primary {
    border-color: var(--accent);
    background: var(--accent);
    color: var(--accent-ink);
  }

  button.primary:hover:not(:disabled) {
    color: var(--accent-ink);
    filter: brightness(1.08);
  }

  button.primary:disabled {
    border-color: var(--line);
    background: var(--paper-sunken);
    color: var(--ink-soft);
  }

  button.plain {
    min-height: 32px;
    padding: 4px 8px;
    border-color: transparent;
    background: none;
    color: var(--accent);
  }

  button.plain:hover:not(:disabled) {
    background: var(--accent-wash);
  }

  input,
  textarea,
  select {
    width: 100%;
    min-height: 40px;
    padding: 8px 12px;
    border: 1px solid var(--line-strong);
    border-radius: var(--radius);
    background: var(--paper-raised);
    color: var(--ink);
    font: inherit;
  }

  input[type='range'] {
    padding: 0;
    border: 0;
    background: none;
    accent-color: var(--accent);
  }

  ::placeholder {
    color: var(--ink-soft);
    opacity: 1;
  }

  a {
    color: var(--accent);
  }

  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }

  .row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: var(--step);
  }

  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  details > summary {
    display: flex;
    align-items: center;
    min-height: 40px;
    gap: 6px;
    color: var(--accent);
    cursor: pointer;
    list-style: none;
  }
  details > summary::-webkit-details-marker {
    display: none;
  }
  details > summary::before {
    content: '';
    width: 7px;
    height: 7px;
    margin: 0 4px 0 2px;
    border: solid currentColor;
    border-width: 0 1.75px 1.75px 0;
    transform: rotate(-45deg);
  }
  details[open] > summary::before {
    transform: translateY(-2px) rotate(45deg);
  }
`
