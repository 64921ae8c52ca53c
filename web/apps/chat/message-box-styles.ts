// How the message box looks.

import { css } from 'lit'

export const messageBoxStyles = css`
  :host {
    display: block;
  }
  form {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: 0 var(--step);
    padding: 4px;
    border: 1px solid var(--line-strong);
    border-radius: 12px;
    background: var(--paper-raised);
  }
  form:focus-within {
    border-color: var(--accent);
  }
  textarea {
    grid-column: 1 / -1;
    min-height: 48px;
    max-height: 30vh;
    padding: 8px 12px;
    border: 0;
    background: none;
    line-height: 1.5;
    resize: none;
    field-sizing: content;
  }
  textarea:focus-visible {
    outline: none;
  }
  .line {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    min-width: 0;
  }
  .end {
    flex-wrap: nowrap;
    align-self: end;
    gap: 4px;
  }
  .model {
    min-width: 0;
    max-width: 100%;
    color: var(--ink-soft);
    font-size: var(--size-small);
  }
  .model span,
  .files .name {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  ::slotted(*) {
    margin: 0 0 4px 4px;
  }
  .tool {
    width: 40px;
    min-height: 40px;
    padding: 0;
    color: var(--ink-soft);
  }
  .tool[aria-expanded='true'] {
    background: var(--accent-wash);
    color: var(--accent);
  }
  .go {
    width: 40px;
    min-height: 40px;
    padding: 0;
  }
  .files {
    grid-column: 1 / -1;
    display: flex;
    flex-wrap: wrap;
    gap: 4px;
    padding: 4px;
  }
  .files li {
    display: flex;
    align-items: center;
    gap: 8px;
    min-width: 0;
    max-width: 100%;
    padding-left: 12px;
    border: 1px solid var(--line);
    border-radius: 16px;
    font-size: var(--size-small);
  }
  .files button {
    padding: 2px 6px;
  }
  .files svg {
    width: 16px;
    height: 16px;
  }
  .problem {
    margin-top: var(--step);
  }
`
