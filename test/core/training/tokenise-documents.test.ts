import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { utf8 } from '#core/crypto/bytes.ts'
import { createTokenizer } from '#core/tokenizer/create-tokenizer.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import { tokeniseDocuments, type TokenisedDocument } from '#core/training/tokenise-documents.ts'
import type { TrainingDocument } from '#core/training/training-files.ts'

const bytes = createTokenizer({ kind: 'bytes' })
const plain = { templateTokens: {} }
const at = { file: 'c.jsonl', line: 4 }
const conversation: TrainingDocument = {
  kind: 'chat',
  ...at,
  messages: [
    { role: 'system', content: 'Be a whale.' },
    { role: 'user', content: 'Who?' },
    { role: 'assistant', content: 'Me.' },
    { role: 'user', content: 'Why?' },
    { role: 'assistant', content: 'So.' },
  ],
}

/** The text that the loss counts, pieces joined by `|`. */
function countedText(tokenizer: Tokenizer, { tokens, counted }: TokenisedDocument): string {
  const runs: number[][] = []
  tokens.forEach((token, i) => {
    if (counted[i] !== 1) return
    if (i > 0 && counted[i - 1] === 1) runs.at(-1)?.push(token)
    else runs.push([token])
  })
  return runs.map((run) => tokenizer.decode(run)).join('|')
}

test('counts all of a text but its first token', () => {
  const [document] = tokeniseDocuments([{ kind: 'text', ...at, text: 'whale' }], bytes, plain)
  expect([...(document?.tokens ?? [])]).toEqual([...utf8('whale')])
  expect([...(document?.counted ?? [])]).toEqual([0, 1, 1, 1, 1])
  expect(document).toMatchObject(at)
})

describe('of a conversation counts the answers only', () => {
  test('without a template', () => {
    const [document, ...others] = tokeniseDocuments([conversation], bytes, plain)
    expect(others).toEqual([])
    expect(countedText(bytes, document as TokenisedDocument)).toBe(' Me.\n| So.\n')
  })

  test('through a template, with the mark that ends an answer', () => {
    const chatTemplate =
      '{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}'
    const [document] = tokeniseDocuments([conversation], bytes, { ...plain, chatTemplate })
    expect(countedText(bytes, document as TokenisedDocument)).toBe('Me.</>|So.</>')
    expect(bytes.decode([...(document as TokenisedDocument).tokens])).toContain('<user>Why?</><assistant>So.</>')
  })

  test('each alone, where the template rewrites earlier answers', () => {
    const chatTemplate =
      "{% for m in messages %}{% if m.role == 'assistant' and not loop.last %}-{% else %}{{ m.content }};{% endif %}{% endfor %}"
    const documents = tokeniseDocuments([conversation], bytes, { ...plain, chatTemplate })
    expect(documents.map((document) => countedText(bytes, document))).toEqual(['Me.;', 'So.;'])
  })
})

test('names the place where a template refuses the conversation', () => {
  const chatTemplate = "{{ raise_exception('no system here') }}"
  expect(() => tokeniseDocuments([conversation], bytes, { ...plain, chatTemplate })).toThrow(
    /^c\.jsonl, line 4: .*no system here/,
  )
  const silent = '{{ messages[0].content }}'
  expect(() => tokeniseDocuments([conversation], bytes, { ...plain, chatTemplate: silent })).toThrow(
    /^c\.jsonl, line 4: .*nothing of the assistant's answer/,
  )
})

test('ends a text with the end token and reads no special tokens in it', () => {
  const tokenizer = createTokenizer({
    kind: 'huggingface',
    tokenizer: JSON.parse(readFileSync('test/vectors/models/llama-hf/tokenizer.json', 'utf8')) as object,
    config: JSON.parse(readFileSync('test/vectors/models/llama-hf/tokenizer_config.json', 'utf8')) as object,
    ends: [0],
  })
  const text = 'the <|endoftext|> sea'
  const [document] = tokeniseDocuments([{ kind: 'text', ...at, text }], tokenizer, plain)
  const tokens = [...(document?.tokens ?? [])]
  expect(tokens.at(-1)).toBe([...tokenizer.endTokens][0])
  expect(tokenizer.decode(tokens.slice(0, -1))).toBe(text)
  expect(tokens.slice(0, -1)).not.toContain(tokens.at(-1))
})
