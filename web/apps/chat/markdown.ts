// Markdown of a model as DOM: parsed, sanitised and never handed on as a string of HTML. What a model writes may be hostile (it
// repeats what it read), so nothing in it runs, nothing is fetched, and HTML of its own stays text. Loaded with the first answer.

import DOMPurify, { type Config } from 'dompurify'
import { Marked, type Token, type Tokens } from 'marked'

/** What Markdown makes, without images: their addresses would be fetched, and tell a stranger what was said. */
const ALLOWED = {
  ALLOWED_TAGS: [
    ...['p', 'br', 'hr', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a'],
    ...['h3', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'start', 'align', 'data-language', 'data-level'],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  RETURN_DOM_FRAGMENT: true,
} satisfies Config & { RETURN_DOM_FRAGMENT: true }

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    // Below the heading of the turn. Which levels a model begins with and leaves out is anybody's guess, so there is one.
    heading({ tokens, depth }) {
      return `<h3 data-level="${depth}">${this.parser.parseInline(tokens)}</h3>\n`
    },
    html: ({ text }) => escape(text),
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
    checkbox: ({ checked }) => (checked ? '☑ ' : '☐ '),
    code: ({ text, lang = '' }) =>
      `<pre data-language="${escape(lang.split(/\s/)[0] ?? '')}"><code>${escape(text)}</code></pre>\n`,
  },
})

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** A paragraph, a list, a block of code …: unchanged as long as its source is, so that only the last is made anew. */
export interface Block {
  readonly source: string
  /** Set for a block of code, which is shown with its own element. */
  readonly code: { readonly text: string; readonly language: string } | null
  render(): DocumentFragment
}

export function readBlocks(text: string): readonly Block[] {
  const tokens = marked.lexer(text)
  return tokens
    .filter((token) => token.type !== 'space' && token.type !== 'def')
    .map((token) => ({
      source: token.raw,
      code: token.type === 'code' ? codeOf(token as Tokens.Code) : null,
      render: () => renderToken(token),
    }))
}

function codeOf({ text, lang = '' }: Tokens.Code): Block['code'] {
  return { text, language: lang.split(/\s/)[0] ?? '' }
}

function renderToken(token: Token): DocumentFragment {
  const fragment: DocumentFragment = DOMPurify.sanitize(marked.parser([token]), ALLOWED)
  for (const link of fragment.querySelectorAll('a')) {
    // Its address was none to go to.
    if (!link.hasAttribute('href')) link.replaceWith(...link.childNodes)
    link.target = '_blank'
    link.rel = 'noopener noreferrer'
  }
  return fragment
}
