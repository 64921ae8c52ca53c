// Chat templates against what transformers renders (see test/vectors/templates), and what a bad template does.

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { applyChatTemplate } from '#core/chat-template/chat-template.ts'
import { formatDate } from '#core/chat-template/format-date.ts'
import { CentramError } from '#core/errors.ts'
import type { ChatMessage } from '#core/tokenizer/tokenizer.ts'

const FOLDER = new URL('../../vectors/templates/', import.meta.url)
const NOW = Date.UTC(2026, 10, 5, 14, 3, 9)

const vector = JSON.parse(readFileSync(new URL('golden.json', FOLDER), 'utf8')) as {
  tokens: Record<string, string>
  conversations: ChatMessage[][]
  golden: Record<string, { open: string | null; closed: string | null }[]>
}

function render(name: string, messages: readonly ChatMessage[], addGenerationPrompt: boolean): string | null {
  const chatTemplate = readFileSync(new URL(`${name}.jinja`, FOLDER), 'utf8')
  try {
    return applyChatTemplate({ chatTemplate, templateTokens: vector.tokens }, messages, {
      addGenerationPrompt,
      now: NOW,
    })
  } catch (error) {
    if (error instanceof CentramError && error.code === 'BAD_ARGUMENT') return null
    throw error
  }
}

describe('templates render as in transformers', () => {
  const names = Object.keys(vector.golden)
  test('every golden template is here', () => expect(names).toHaveLength(6))
  test.each(names)('%s', (name) => {
    const actual = vector.conversations.map((messages) => ({
      open: render(name, messages, true),
      closed: render(name, messages, false),
    }))
    expect(actual).toEqual(vector.golden[name])
  })
})

describe('a template that cannot be rendered', () => {
  const render = (chatTemplate: string): string =>
    applyChatTemplate({ chatTemplate, templateTokens: {} }, [{ role: 'user', content: 'x' }], {
      addGenerationPrompt: true,
    })

  test.each([
    ['an unclosed block', '{% for a in b %}'],
    ['an unknown filter', '{{ messages | sesquipedalian }}'],
    ['a call of nothing', '{{ nothing() }}'],
    ['an endless range', '{% for i in range(1000000000) %}a{% endfor %}'],
    [
      'loops in loops',
      '{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}',
    ],
    [
      'a text that doubles itself',
      "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    ],
    ['a macro that calls itself', '{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}'],
    ['a range without step', '{% for i in range(0, 5, 0) %}a{% endfor %}'],
    ['noise', '{{ {{ %} }}'],
    ['too long a text', '{# '.padEnd(2_000_000, 'x') + ' #}'],
  ])('%s is refused with what to do', (_, template) => {
    expect(() => render(template)).toThrow(
      expect.objectContaining({ code: 'MODEL_UNSUPPORTED', message: expect.stringContaining('without the template') }),
    )
  })

  test('a refusal of the template itself says why', () => {
    expect(() => render("{{ raise_exception('no users') }}")).toThrow(
      expect.objectContaining({ code: 'BAD_ARGUMENT', message: expect.stringContaining('no users') }),
    )
  })

  test('a date is the default of the template unless the time is given', () => {
    const dated = "{{ strftime_now('%d %b %Y') if strftime_now is defined else 'undated' }}"
    expect(render(dated)).toBe('undated')
  })
})

describe('without a template', () => {
  test('turns are written out plainly', () => {
    const messages: ChatMessage[] = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'user', content: 'Bye' },
    ]
    expect(applyChatTemplate({ templateTokens: {} }, messages, { addGenerationPrompt: true })).toBe(
      'Be brief.\n\nUser: Hi\nAssistant: Hello.\nUser: Bye\nAssistant:',
    )
    expect(applyChatTemplate({ templateTokens: {} }, messages.slice(1, 2), { addGenerationPrompt: false })).toBe(
      'User: Hi\n',
    )
  })
})

test('dates are written as strftime does', () => {
  // python: datetime(2026, 11, 5, 14, 3, 9).strftime(…)
  expect(formatDate('%d %b %Y, %A %a %B %m %y %H:%M:%S %e %-d %-m 100%%', NOW)).toBe(
    '05 Nov 2026, Thursday Thu November 11 26 14:03:09  5 5 11 100%',
  )
})
