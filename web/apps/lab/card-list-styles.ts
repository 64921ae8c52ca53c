// Cards of the Lab beside each other where there is room, each under a line.

import { css } from 'lit'

export const cardListStyles = css`
  :host {
    display: block;
  }
  ul {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr));
    gap: 0 64px;
    margin-bottom: 8px;
  }
  li {
    min-width: 0;
    padding: 16px 0 8px;
    border-top: 1px solid var(--line);
  }
`
