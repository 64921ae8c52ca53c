// What drafts from the text bring over two tabs with delay between them: the time of a token with and without, turn by turn, after
// the tokens were found to be the same.

import { CentramError } from '#core/errors.ts'
import { formatTable } from '../format.ts'
import { createFiguresFile } from './figures-file.ts'
import { formatSpread, spreadOf, type Spread } from './spread.ts'
import { measureModels, type StagedModel } from './staged-models.ts'

export interface DraftsBenchOptions {
  readonly models: string
  readonly tabs: number
  readonly tokens: number
  readonly repeats: number
  /** Milliseconds added to each round trip between the tabs. */
  readonly delay: number
  readonly timeout: number
  readonly out?: string
  readonly json: boolean
}

export interface DraftsFigures {
  readonly model: string
  readonly tabs: number
  readonly tokens: number
  readonly plainMs: Spread
  readonly draftedMs: Spread
  /** Plain over drafted, of each repeat. */
  readonly ratio: Spread
  /** In all repeats. */
  readonly handedIn: number
  readonly held: number
}

/** A model of letters knows no summaries: it goes on with what it read, as a summary does with the names and phrases of its text. */
const LETTERS = { text: 'The whale swam by the ship. The whale swam by the ship. The whale' }
const SUMMARY = {
  messages: [
    {
      role: 'user' as const,
      content:
        'Summarise this in two sentences, in its own words: The harbour master of Port Elsinore writes down every ship that comes ' +
        'in with the tide. On Monday the Northern Star brought forty crates of oranges and a letter for the lighthouse keeper. ' +
        'On Tuesday the Northern Star left again, with the answer of the lighthouse keeper and twelve barrels of salted herring.',
    },
  ],
}

/** Returns the exit code. */
export async function runDraftsBench(options: DraftsBenchOptions): Promise<number> {
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const file = createFiguresFile('drafts', options, say)
  const figures: DraftsFigures[] = []
  return measureModels(
    // Both ends delay what they send and what they are sent.
    { ...options, delayMs: options.delay / 4 },
    say,
    async (model) => {
      await model.spread(options.tabs)
      figures.push(await compare(options, model, say))
    },
    async () => {
      for (const line of describe(options, figures)) say(line)
      await file.write({ delayMs: options.delay, figures })
    },
  )
}

async function compare(
  options: DraftsBenchOptions,
  { name: model, tab, modelId }: StagedModel,
  say: (line: string) => void,
): Promise<DraftsFigures> {
  const chats = tab.state().models.find(({ id }) => id === modelId)?.chat === true
  const prompt = chats ? SUMMARY : LETTERS
  let requests = 0
  const ask = (drafts: 'auto' | 'none') =>
    tab.generate({
      requestId: `drafts-${++requests}`,
      modelId,
      prompt,
      maxTokens: options.tokens,
      sampling: { temperature: 0 },
      drafts,
      stopAtEnd: false,
    })
  say(`${model}: with drafts and without, ${options.tabs} tabs, ${options.delay} ms more a round trip…`)
  const rounds: { readonly plain: number; readonly drafted: number }[] = []
  const counts = { handedIn: 0, held: 0 }
  // The first round warms up, and lets the depth be found.
  for (let round = 0; round <= options.repeats; round++) {
    const plain = await ask('none')
    const drafted = await ask('auto')
    if (plain.tokens.join() !== drafted.tokens.join()) {
      throw new CentramError('INTERNAL', `With drafts ${model} gave other tokens than without.`)
    }
    if (round === 0) continue
    rounds.push({ plain: plain.msPerToken, drafted: drafted.msPerToken })
    counts.handedIn += drafted.drafts?.handedIn ?? 0
    counts.held += drafted.drafts?.held ?? 0
  }
  return {
    model,
    tabs: options.tabs,
    tokens: options.tokens,
    plainMs: spreadOf(rounds.map(({ plain }) => plain)),
    draftedMs: spreadOf(rounds.map(({ drafted }) => drafted)),
    ratio: spreadOf(rounds.map(({ plain, drafted }) => plain / drafted)),
    ...counts,
  }
}

function describe({ delay }: DraftsBenchOptions, figures: readonly DraftsFigures[]): readonly string[] {
  return [
    '',
    `A token's time over a link with ${delay} ms more, in ms: median (least to most)`,
    ...formatTable(
      ['model', 'tabs', 'without drafts', 'with', 'times as fast', 'drafts that held'],
      figures.map((row) => [
        row.model,
        String(row.tabs),
        formatSpread(row.plainMs),
        formatSpread(row.draftedMs),
        formatSpread(row.ratio),
        `${row.held} of ${row.handedIn}`,
      ]),
    ),
  ]
}
