// What several askers at a time get of one model together, beside what one alone gets: in one tab, and over several. Turn by turn,
// so that both see the same machine.

import { CentramError } from '#core/errors.ts'
import { formatTable } from '../format.ts'
import { createFiguresFile } from './figures-file.ts'
import { formatSpread, spreadOf, type Spread } from './spread.ts'
import { measureModels, type StagedModel } from './staged-models.ts'

export interface AskersBenchOptions {
  readonly models: string
  readonly askerCount: number
  readonly tabs: number
  readonly tokens: number
  readonly repeats: number
  readonly timeout: number
  readonly out?: string
  readonly json: boolean
}

export interface AskersFigures {
  readonly model: string
  readonly tabs: number
  readonly askers: number
  /** Of each answer. */
  readonly tokens: number
  readonly oneTokensPerSecond: Spread
  readonly allTokensPerSecond: Spread
  /** Theirs together over its, of each repeat. */
  readonly ratio: Spread
}

/** Returns the exit code. */
export async function runAskersBench(options: AskersBenchOptions): Promise<number> {
  const say = (line: string) => (options.json ? console.error(line) : console.log(line))
  const file = createFiguresFile('askers', options, say)
  const figures: AskersFigures[] = []
  return measureModels(
    options,
    say,
    async (model) => {
      await model.tab.call('loadModel', model.modelId, { placement: 'solo' })
      figures.push(await compare(options, model, 1, say))
      await model.spread(options.tabs)
      figures.push(await compare(options, model, options.tabs, say))
    },
    async () => {
      for (const line of describe(figures)) say(line)
      await file.write({ figures })
    },
  )
}

async function compare(
  options: AskersBenchOptions,
  { name: model, tab, modelId }: StagedModel,
  tabs: number,
  say: (line: string) => void,
): Promise<AskersFigures> {
  const { askerCount, tokens } = options
  let requests = 0
  const ask = (asker: number, round: number, logits: 'none' | 'digest') =>
    tab.generate({
      requestId: `asker-${++requests}`,
      modelId,
      // Begins otherwise every time, so that no cache has it already.
      prompt: { text: `${asker}/${round}: the men sat on the deck and told` },
      maxTokens: tokens,
      sampling: { temperature: 0 },
      logits,
      drafts: 'none',
      stopAtEnd: false,
    })
  const askers = Array.from({ length: askerCount }, (_, index) => index + 1)
  /** Tokens a second of all who ask in a round. */
  const rateOf = async (who: readonly number[], round: number) => {
    const began = performance.now()
    const answers = await Promise.all(who.map((asker) => ask(asker, round, 'none')))
    return (1000 * answers.reduce((sum, answer) => sum + answer.tokens.length, 0)) / (performance.now() - began)
  }

  say(`${model}: one asker and ${askerCount}, ${tabs === 1 ? 'one tab' : `${tabs} tabs`}…`)
  // Warms up, and shows that whoever asks beside one changes none of its bits.
  const alone = []
  for (const asker of askers) alone.push(await ask(asker, 0, 'digest'))
  const together = await Promise.all(askers.map((asker) => ask(asker, 0, 'digest')))
  if (JSON.stringify(alone.map(bitsOf)) !== JSON.stringify(together.map(bitsOf))) {
    throw new CentramError('INTERNAL', `${askerCount} askers of ${model} at once got other bits than each alone.`)
  }
  const rates: { readonly one: number; readonly all: number }[] = []
  for (let round = 1; round <= options.repeats; round++) {
    const one = await rateOf([1], round)
    rates.push({
      one,
      all: await rateOf(
        askers.map((asker) => asker + 1),
        round,
      ),
    })
  }
  return {
    model,
    tabs,
    askers: askerCount,
    tokens,
    oneTokensPerSecond: spreadOf(rates.map(({ one }) => one)),
    allTokensPerSecond: spreadOf(rates.map(({ all }) => all)),
    ratio: spreadOf(rates.map(({ one, all }) => all / one)),
  }
}

const bitsOf = ({ tokens, logitsDigests }: { tokens: readonly number[]; logitsDigests: readonly string[] }) => [
  tokens,
  logitsDigests,
]

function describe(figures: readonly AskersFigures[]): readonly string[] {
  return [
    '',
    'Askers at a time, prompts read and answers written, tokens a second: median (least to most)',
    ...formatTable(
      ['model', 'tabs', 'askers', 'one alone', 'all together', 'together over alone'],
      figures.map((row) => [
        row.model,
        String(row.tabs),
        String(row.askers),
        formatSpread(row.oneTokensPerSecond),
        formatSpread(row.allTokensPerSecond),
        formatSpread(row.ratio),
      ]),
    ),
  ]
}
