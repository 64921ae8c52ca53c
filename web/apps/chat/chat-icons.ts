// Icons that only the chat uses, drawn as those of web/ui/icons.ts are.

import { icon } from '../../ui/icons.ts'
import { svg } from 'lit'

export const chatIcons = {
  chats: icon(svg`<path d="M5 7h14M5 12h14M5 17h9"/>`),
  clip: icon(
    svg`<path d="m18.5 11.5-6.7 6.7a4 4 0 0 1-5.7-5.7l7.4-7.4a2.7 2.7 0 0 1 3.8 3.8l-7.2 7.2a1.3 1.3 0 0 1-1.9-1.9l6.3-6.3"/>`,
  ),
  sliders: icon(
    svg`<path d="M5 8h7M16 8h3M5 16h3M12 16h7"/><circle cx="14" cy="8" r="2"/><circle cx="10" cy="16" r="2"/>`,
  ),
  more: icon(
    svg`<circle cx="6" cy="12" r="1" fill="currentColor"/><circle cx="12" cy="12" r="1" fill="currentColor"/><circle cx="18" cy="12" r="1" fill="currentColor"/>`,
  ),
}
