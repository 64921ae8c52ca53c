// How the shell is laid out: a rail at the side, at the bottom on phones.

import { css } from 'lit'

export const appStyles = css`
  :host {
    display: grid;
    grid-template: 'nav header' 48px 'nav notices' auto 'nav main' minmax(0, 1fr) / var(--rail) minmax(0, 1fr);
    height: 100vh;
    height: 100dvh;
  }
  nav {
    grid-area: nav;
    display: flex;
    flex-direction: column;
    gap: 4px;
    padding: 8px;
    border-right: 1px solid var(--line);
  }
  .tab {
    flex-direction: column;
    gap: 2px;
    min-height: 56px;
    padding: 4px;
    border: 0;
    background: none;
    color: var(--ink-soft);
    font-size: var(--size-small);
  }
  .tab[aria-current] {
    background: var(--accent-wash);
    color: var(--accent);
  }
  header {
    grid-area: header;
    display: flex;
    align-items: center;
    gap: 8px;
    padding: 0 16px 0 24px;
    border-bottom: 1px solid var(--line);
  }
  swarm-line {
    flex: 1;
  }
  language-choice,
  .share {
    flex: none;
  }
  .notices {
    grid-area: notices;
    min-width: 0;
  }
  main {
    grid-area: main;
    min-width: 0;
    min-height: 0;
    outline: none;
  }
  .sharing {
    position: relative;
    padding: 24px 64px 24px 24px;
    border-bottom: 1px solid var(--line);
    background: var(--paper-raised);
  }
  .sharing share-panel {
    max-width: var(--column);
  }
  .close {
    position: absolute;
    top: 12px;
    right: 12px;
  }
  .drop {
    position: fixed;
    inset: 8px;
    z-index: 1;
    display: grid;
    place-items: center;
    padding: 24px;
    border: 2px dashed var(--accent);
    border-radius: 16px;
    background: color-mix(in oklab, var(--paper) 92%, transparent);
    color: var(--accent);
    font-size: var(--size-large);
    text-align: center;
    pointer-events: none;
  }
  .skip {
    position: absolute;
    left: -999px;
    z-index: 2;
    background: var(--paper-raised);
  }
  .skip:focus {
    left: 8px;
    top: 8px;
  }
  @media (max-width: 640px) {
    :host {
      grid-template:
        'header' 48px 'notices' auto 'main' minmax(0, 1fr) 'nav' calc(56px + env(safe-area-inset-bottom)) /
        minmax(0, 1fr);
    }
    nav {
      flex-direction: row;
      justify-content: center;
      padding: 4px 16px env(safe-area-inset-bottom);
      border-top: 1px solid var(--line);
      border-right: 0;
    }
    .tab {
      flex: 1;
      max-width: 160px;
      min-height: 48px;
    }
    header {
      gap: 4px;
      padding: 0 8px 0 16px;
    }
    .share span {
      position: absolute;
      clip-path: inset(50%);
    }
    .sharing {
      padding: 16px 48px 16px 16px;
      max-height: 60vh;
      overflow-y: auto;
    }
  }
`
