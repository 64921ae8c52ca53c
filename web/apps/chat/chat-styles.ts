// How the chat is laid out: the conversation scrolls, the desk with ribbon and message box stays.

import { css } from 'lit'

export const chatStyles = css`
  :host {
    position: relative;
    display: flex;
    min-height: 0;
    height: 100%;
  }
  .front {
    flex: 1;
    display: grid;
    grid-template-rows: auto minmax(0, 1fr) auto;
    min-width: 0;
    min-height: 0;
  }
  kept-chats {
    flex: 0 0 320px;
    border-right: 1px solid var(--line);
    background: var(--paper-raised);
  }
  .bar {
    display: flex;
    justify-content: space-between;
    padding: 4px 16px;
    font-size: var(--size-small);
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
    padding-top: 8px;
    padding-bottom: 24px;
  }
  first-visit {
    padding-top: clamp(0px, 16vh - 104px, 88px);
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
  .panel {
    flex: 0 1 auto;
    min-height: 0;
    overflow-y: auto;
    scrollbar-width: thin;
    padding: 8px 16px 16px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--paper-raised);
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
  @media (max-width: 1000px) {
    kept-chats {
      position: absolute;
      inset: 0;
      z-index: 1;
      border-right: 0;
      background: var(--paper);
    }
    kept-chats + .front {
      visibility: hidden;
    }
  }
  @media (max-width: 560px) {
    .bar {
      padding: 4px 8px;
    }
    .scroll,
    .desk {
      scrollbar-gutter: auto;
    }
    .column {
      padding: 0 16px;
    }
    .panel {
      padding: 4px 12px 12px;
    }
  }
`
