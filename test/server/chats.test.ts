// What is kept of chats: two tabs that write one chat lose nothing, words are found, and files come back as they were or not at all.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readAttachment } from '../../web/apps/chat/attachment.ts'
import { isSameChat, readChats, writeChats, writeMarkdown } from '../../web/apps/chat/chat-files.ts'
import { checkSettings, DEFAULT_SETTINGS } from '../../web/apps/chat/chat-settings.ts'
import { memoryShelf, storeOn } from '../../web/apps/chat/chat-store.ts'
import { branchOff, emptyChat, shownTurns, titleOf, versionsOf, type Chat } from '../../web/apps/chat/chat-tree.ts'
import { chatOfTurns } from '../../web/apps/chat/old-chat.ts'
import type { Turn } from '../../web/apps/chat/turns.ts'

const turn = (id: string, parent: string | null, text: string, more: Partial<Turn> = {}): Turn => ({
  id,
  parent,
  role: parent?.startsWith('q') ? 'assistant' : 'user',
  text,
  state: 'done',
  ...more,
})

const TURNS = [
  turn('q1', null, 'Why does the sea have tides?'),
  turn('a1', 'q1', 'The Moon.', { model: 'Toy' }),
  turn('a2', 'q1', 'Mostly the Moon.', { model: 'Toy', attachments: [{ name: 'café.txt', text: 'x' }] }),
  turn('q2', 'a1', 'And the Sun?'),
]
const TIDES: Chat = { ...emptyChat('tides', 5), turns: TURNS, shown: 'q2' }

test('two tabs that write the same chat keep the turns of both', async () => {
  const store = storeOn(Promise.resolve(memoryShelf()))
  await store.save(TIDES, new Set())
  // One tab has an older state, in which an answer was still under way, and adds a question of its own.
  const old = TURNS.slice(0, 2).map((one) =>
    one.id === 'a1' ? { ...one, text: 'The', state: 'stopped' as const } : one,
  )
  const mine = { ...TIDES, turns: [...old, turn('q3', 'a1', 'And lakes?')], shown: 'q3', title: 'Water' }
  await store.save(mine, new Set(['q3']))
  const kept = await store.load('tides')
  expect(kept?.turns.map(({ id }) => id)).toEqual(['q1', 'a1', 'a2', 'q2', 'q3'])
  expect(kept?.turns[1]?.text).toBe('The Moon.')
  expect(kept && shownTurns(kept).map(({ id }) => id)).toEqual(['q1', 'a1', 'q3'])
  expect(kept && versionsOf(kept.turns, turn('q3', 'a1', '')).map(({ id }) => id)).toEqual(['q2', 'q3'])
  expect(kept?.title).toBe('Water')
  await store.remove('tides')
  expect(await store.load('tides')).toBeNull()
})

test('an answer under way when the page went comes back stopped, with what came', async () => {
  const store = storeOn(Promise.resolve(memoryShelf()))
  await store.save({ ...TIDES, turns: TURNS.map((one) => ({ ...one, state: 'streaming' as const })) }, new Set())
  expect((await store.load('tides'))?.turns[1]).toMatchObject({ state: 'stopped', text: 'The Moon.' })
})

test('chats are found by all their words, whatever their case and accents', async () => {
  const store = storeOn(Promise.resolve(memoryShelf()))
  await store.save(TIDES, new Set())
  await store.save({ ...emptyChat('later', 9), title: 'Ångström', changedAt: 9 }, new Set())
  const ids = async (query: string) => (await store.find(query)).map(({ id }) => id)
  expect(await ids('')).toEqual(['later', 'tides'])
  expect(await ids('  MOON tides ')).toEqual(['tides'])
  expect(await ids('moon Mars')).toEqual([])
  expect(await ids('angstrom')).toEqual(['later'])
  expect(await ids('cafe')).toEqual(['tides'])
  expect((await store.find('sun'))[0]?.excerpt).toBe('And the Sun?')
  expect(await ids('한')).toEqual([])
})

test('a conversation of the first version becomes a chat of one branch', () => {
  const old = TURNS.slice(0, 2).map(({ parent: _parent, ...rest }) => rest)
  const chat = chatOfTurns('c', old, 5)
  expect(chat && shownTurns(chat).map(({ text }) => text)).toEqual(['Why does the sea have tides?', 'The Moon.'])
  expect(chatOfTurns('c', [], 5)).toBeNull()
})

test('a file of chats comes back as it was, branches, figures and what an answer goes on from included', () => {
  const result = { tokens: 2, msPerToken: 3, computeMs: 2, networkMs: 0, finish: 'length', nodeIds: ['aa'] } as const
  const kept = {
    modelId: 'toy',
    sampling: { temperature: 0.7, seed: 4 },
    tokens: [1, 2],
    text: 'The',
    path: [{ family: 'prefill', tokens: 3 }],
  } as const
  const full = {
    ...TIDES,
    system: 'Be brief.',
    turns: [...TURNS, turn('a3', 'q2', 'Less.', { model: 'Toy', result, kept })],
  }
  const [back] = readChats('chats.json', writeChats([full]))
  expect(back).toEqual(full)
  expect(isSameChat(full, back as Chat)).toBe(true)
  expect(isSameChat(full, { ...full, title: 'Another' })).toBe(false)
  expect(writeMarkdown(branchOff(full, 'a3', 'b', 6), { you: 'You', instructions: 'Instructions' })).toBe(
    '# Why does the sea have tides?\n\n> **Instructions:** Be brief.\n\n## You\n\nWhy does the sea have tides?\n\n' +
      '## Toy\n\nThe Moon.\n\n## You\n\nAnd the Sun?\n\n## Toy\n\nLess.\n',
  )
})

test.each([
  ['no JSON', '{', /this is not JSON/],
  ['another file', '{"format": "x"}', /chats\.json: .* Choose a file/],
  [
    'a turn before its parent',
    writeChats([{ ...TIDES, turns: TURNS.toReversed() }]),
    /chats\.0\.turns\.0 does not follow/,
  ],
  ['a turn twice', writeChats([{ ...TIDES, turns: [...TURNS, ...TURNS] }]), /chats\.0\.turns\.4 does not follow/],
  ['a branch that is none', writeChats([{ ...TIDES, shown: 'x' }]), /chats\.0\.shown names no turn/],
])('%s is refused with its place and the remedy', (_what, content, message) => {
  expect(() => readChats('chats.json', content)).toThrow(
    expect.objectContaining({ code: 'FORMAT_INVALID', message: expect.stringMatching(message) }),
  )
})

test('whatever a file holds, it is read whole or refused', () => {
  const file = JSON.parse(writeChats([TIDES])) as object
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom('format', 'version', 'chats'), (value, key) => {
      try {
        for (const chat of readChats('f', JSON.stringify({ ...file, [key]: value }))) shownTurns(chat)
      } catch (error) {
        expect(error).toMatchObject({ code: 'FORMAT_INVALID' })
      }
    }),
    { numRuns: 200 },
  )
})

test('titles are the first words, settings out of range are as at first, and only texts go along', async () => {
  expect(titleOf({ title: '', turns: [turn('q1', null, 'long '.repeat(30))] })).toMatch(/^(long ){15}long…$/)
  expect(checkSettings({ temperature: 9, topK: 40, seed: 1.5, maxTokens: 'x' })).toEqual({
    ...DEFAULT_SETTINGS,
    topK: 40,
  })
  expect(checkSettings(null)).toEqual(DEFAULT_SETTINGS)
  expect(await readAttachment(new File(['é'], 'a.txt'))).toEqual({ name: 'a.txt', text: 'é' })
  expect(await readAttachment(new File([Uint8Array.of(0xc3, 0x28)], 'a.bin'))).toBe('notText')
  expect(await readAttachment(new File([new Uint8Array(300_000)], 'a.bin'))).toBe('tooLarge')
})
