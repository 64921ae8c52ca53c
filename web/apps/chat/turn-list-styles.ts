// How the turns of a conversation look.

import { css } from 'lit'

export const turnListStyles = css`
  :host {
    display: block;
  }
  [role='log'] > ol > li {
    margin-bottom: 24px;
  }
  .who {
    font-size: var(--size-small);
    font-weight: 400;
    line-height: 1.6;
    color: var(--ink-soft);
  }
  .plain.text,
  .user .text {
    white-space: pre-wrap;
    overflow-wrap: anywhere;
    max-width: 70ch;
  }
  .user .text {
    display: inline-block;
    padding: 8px 16px;
    border-radius: var(--radius);
    background: var(--paper-sunken);
  }
  .streaming .plain.text::after,
  .streaming markdown-text > :last-child:not(code-block) > :last-child::after {
    content: '';
    display: inline-block;
    width: 2px;
    height: 1.1em;
    margin-left: 2px;
    vertical-align: text-bottom;
    background: var(--accent);
  }
  .note {
    margin-top: 4px;
    font-size: var(--size-small);
    color: var(--ink-soft);
  }
  .layers {
    display: flex;
    flex-wrap: wrap;
    gap: 0 16px;
  }
  .layers li {
    display: flex;
    align-items: center;
    gap: 6px;
  }
  .dot {
    width: 8px;
    height: 8px;
    border-radius: 50%;
  }
  .go-on {
    margin-top: var(--step);
  }
  .failure {
    margin-top: var(--step);
    padding: 8px 16px;
    border-left: 3px solid var(--loss);
    background: var(--loss-wash);
    color: var(--loss);
    border-radius: 0 var(--radius) var(--radius) 0;
  }
  .attached {
    width: fit-content;
    max-width: 70ch;
    margin-bottom: 4px;
    padding: 0 12px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    font-size: var(--size-small);
  }
  .attached summary {
    overflow-wrap: anywhere;
  }
  .attached pre {
    overflow: auto;
    max-height: 40vh;
    margin: 0 0 8px;
    font-family: var(--mono);
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .actions {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 4px;
    margin: 2px 0 0 -8px;
    font-size: var(--size-small);
  }
  .actions {
    --accent: var(--ink-soft);
    --accent-wash: var(--paper-sunken);
  }
  .actions svg {
    width: 18px;
    height: 18px;
  }
  .versions {
    display: flex;
    align-items: center;
    color: var(--ink-soft);
  }
  .earlier svg {
    transform: rotate(90deg);
  }
  .later svg {
    transform: rotate(-90deg);
  }
  .edit {
    display: grid;
    gap: var(--step);
    max-width: 70ch;
  }
  .edit textarea {
    min-height: 72px;
    max-height: 40vh;
    field-sizing: content;
    resize: vertical;
  }
`
