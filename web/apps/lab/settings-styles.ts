// How groups of settings are laid out.

import { css } from 'lit'

export const settingsStyles = css`
  :host {
    display: block;
  }
  fieldset {
    min-width: 0;
    margin: 0 0 24px;
    padding: 0;
    border: 0;
  }
  fieldset:last-child {
    margin-bottom: 8px;
  }
  legend {
    margin-bottom: 8px;
    padding: 0;
    font-weight: 600;
  }
  .targets {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(200px, 1fr));
    gap: 4px 16px;
    margin-bottom: 12px;
  }
  .fields + .tick,
  .problem + .tick,
  p + .fields,
  .tick + .fields {
    margin-top: 12px;
  }
`
