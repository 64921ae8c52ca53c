import { describe, expect, test } from 'vitest'
import { utf8 } from '#core/crypto/bytes.ts'
import { readTrainingFiles } from '#core/training/training-files.ts'

const file = (name: string, content: string | Uint8Array) => ({
  name,
  bytes: typeof content === 'string' ? utf8(content) : content,
})
const chat = (...messages: object[]) => JSON.stringify({ messages })
const user = { role: 'user', content: 'Who are you?' }
const assistant = { role: 'assistant', content: 'A whale.' }

test('reads several files of every kind, in order', () => {
  const documents = readTrainingFiles([
    file('a.txt', '\ufeffone\r\ntwo'),
    file('b.MD', '# three'),
    file('empty.txt', ' \n'),
    file('c.jsonl', `${chat(user, assistant)}\n\n{"text":"four"}\r\n`),
  ])
  expect(documents).toEqual([
    { kind: 'text', file: 'a.txt', line: 1, text: 'one\ntwo' },
    { kind: 'text', file: 'b.MD', line: 1, text: '# three' },
    { kind: 'chat', file: 'c.jsonl', line: 1, messages: [user, assistant] },
    { kind: 'text', file: 'c.jsonl', line: 3, text: 'four' },
  ])
})

describe('names file and line of', () => {
  test.each([
    ['broken JSON', '{"text":"a"}\n{"text":', /^c\.jsonl, line 2: not valid JSON/],
    ['a list', '[]', /line 1: a JSON object/],
    ['another form', '{"text":"a"}\n\n{"prompt":"a"}', /line 3: it has neither "messages".*nor "text"/],
    ['an unknown role', chat({ role: 'tool', content: 'x' }), /message 1 has the role "tool"/],
    ['a missing content', chat(user, { role: 'assistant' }), /message 2 has no "content"/],
    ['a conversation without an answer', chat(user), /no message is an answer/],
    ['an empty text', '{"text":"  "}', /"text" is empty/],
  ])('%s', (_, content, message) => {
    expect(() => readTrainingFiles([file('c.jsonl', content)])).toThrow(message)
  })

  test('text in another encoding', () => {
    const bytes = Uint8Array.of(0x61, 0x0a, 0x62, 0x0a, 0xe4, 0x0a)
    expect(() => readTrainingFiles([file('latin.txt', bytes)])).toThrow(/^latin\.txt, line 3: the text is not UTF-8/)
    expect(() => readTrainingFiles([file('latin.jsonl', Uint8Array.of(0x0a, 0xff))])).toThrow(/^latin\.jsonl, line 2/)
  })
})

test('refuses other files and nothing at all', () => {
  expect(() => readTrainingFiles([file('a.pdf', 'x')])).toThrow(/a\.pdf: only \.txt, \.md and \.jsonl/)
  expect(() => readTrainingFiles([file('a.txt', '\n')])).toThrow(/no text/)
  expect(() => readTrainingFiles([])).toThrow(/no text/)
})
