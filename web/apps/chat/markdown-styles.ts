// How Markdown looks in a turn of the chat.

import { css } from 'lit'

export const markdownStyles = css`
  markdown-text {
    display: block;
    max-width: 70ch;
    overflow-wrap: anywhere;
  }
  markdown-text > * {
    display: block;
  }
  markdown-text > * + * {
    margin-top: 12px;
  }
  markdown-text h3 {
    margin: 20px 0 0;
    font-size: var(--size-body);
    font-weight: 600;
    line-height: 1.4;
  }
  markdown-text h3[data-level='1'] {
    font-size: var(--size-large);
  }
  markdown-text ul,
  markdown-text ol {
    padding-left: 24px;
    list-style: disc;
  }
  markdown-text ol {
    list-style: decimal;
  }
  markdown-text li {
    margin: 4px 0 0;
  }
  markdown-text li::marker {
    color: var(--ink-soft);
  }
  markdown-text li > p + p {
    margin-top: 8px;
  }
  markdown-text blockquote {
    margin: 0;
    padding-left: 16px;
    border-left: 3px solid var(--line);
    color: var(--ink-soft);
  }
  markdown-text hr {
    border: 0;
    border-top: 1px solid var(--line);
  }
  markdown-text :not(pre) > code {
    padding: 1px 4px;
    border-radius: 4px;
    background: var(--paper-sunken);
    font-family: var(--mono);
    font-size: 0.9em;
  }
  markdown-text .scroll {
    overflow-x: auto;
  }
  markdown-text table {
    border-collapse: collapse;
    font-size: var(--size-small);
    overflow-wrap: normal;
  }
  markdown-text :is(th, td) {
    padding: 6px 16px 6px 0;
    border-bottom: 1px solid var(--line);
    text-align: start;
    vertical-align: top;
  }
  code-block {
    display: block;
    overflow: hidden;
    margin: 8px 0;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--paper-sunken);
  }
  .code-head {
    display: flex;
    align-items: center;
    justify-content: space-between;
    padding: 2px 4px 2px 16px;
    border-bottom: 1px solid var(--line);
  }
  code-block pre {
    overflow-x: auto;
    margin: 0;
    padding: 12px 16px;
    font-family: var(--mono);
    font-size: 0.875rem;
    line-height: 1.5;
    tab-size: 4;
    scrollbar-width: thin;
  }
  code-block pre:focus-visible {
    outline-offset: -2px;
  }
`
