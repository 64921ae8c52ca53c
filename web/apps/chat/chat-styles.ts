// How the chat is laid out: the conversation scrolls, the desk with ribbon and message box stays.

import { css } from 'lit'

export const chatStyles = css`
  :host {
    display: grid;
    grid-template-rows: minmax(0, 1fr) auto;
    min-height: 0;
    height: 100%;
  }
  .column {
    width: 100%;
    max-width: calc(var(--column) + 48px);
    margin: 0 auto;
    padding: 0 24px;
  }
  .scroll {
    overflow-y: auto;
    overscroll-behavior: contain;
    scrollbar-gutter: stable;
    scrollbar-width: thin;
  }
  .scroll > .column {
    padding-top: 24px;
    padding-bottom: 24px;
  }
  first-visit {
    padding-top: clamp(0px, 7vh, 88px);
  }
  .top {
    display: flex;
    justify-content: flex-end;
  }
  .desk {
    display: flex;
    justify-content: center;
    max-height: 75vh;
    min-height: 0;
    overflow: hidden;
    scrollbar-gutter: stable;
    scrollbar-width: thin;
  }
  .desk > .column {
    display: flex;
    flex-direction: column;
    gap: 12px;
    min-height: 0;
    padding-top: 8px;
    padding-bottom: 16px;
  }
  .models {
    flex: 0 1 auto;
    min-height: 0;
    overflow-y: auto;
    scrollbar-width: thin;
    padding: 8px 16px 16px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--paper-raised);
  }
  .settings {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(200px, 1fr));
    gap: 16px 32px;
    margin-top: 16px;
    padding-top: 16px;
    border-top: 1px solid var(--line);
    font-size: var(--size-small);
  }
  .progress {
    flex-wrap: nowrap;
  }
  .progress progress-bar {
    flex: 1;
  }
  .spread {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 0 8px;
  }
  @media (max-width: 560px) {
    .scroll,
    .desk {
      scrollbar-gutter: auto;
    }
    .column {
      padding: 0 16px;
    }
    .models {
      padding: 4px 12px 12px;
    }
  }
`
