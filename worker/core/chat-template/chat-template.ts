// Renders a conversation through the Jinja template that a model ships, or plainly when it ships none.

import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja'
import { formatDate } from '#core/chat-template/format-date.ts'
import { renderPlainly } from '#core/chat-template/plain-turns.ts'
import { CentramError, errorMessage } from '#core/errors.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { ChatMessage } from '#core/tokenizer/tokenizer.ts'

export interface ChatTemplateOptions {
  /** Ends with the opening of the assistant's turn, so that the model answers. */
  readonly addGenerationPrompt: boolean
  /** Milliseconds since 1970 for templates that write today's date (UTC); without it they write their own default. */
  readonly now?: number
}

const MAX_TEMPLATE_LENGTH = 1024 * 1024
const MAX_RANGE = 10_000
/** What rendering may cost: a step for each node evaluated, each turn of a loop, and every 64 characters made. */
const MAX_STEPS = 400_000
/** Characters of one text, entries of one list: what doubles itself must not fill the memory. */
const MAX_TEXT_LENGTH = 16 * 1024 * 1024
const MAX_LIST_LENGTH = 100_000
/** Jinja's own, in both spellings. The library's clock and range are left out for ours. */
const CONSTANTS = { true: true, false: false, none: null, True: true, False: false, None: null }

/** Throws `MODEL_UNSUPPORTED` when the template cannot be rendered, `BAD_ARGUMENT` when it refuses the conversation. */
export function applyChatTemplate(
  model: Pick<OpenedModel, 'chatTemplate' | 'templateTokens'>,
  messages: readonly ChatMessage[],
  options: ChatTemplateOptions,
): string {
  if (model.chatTemplate === undefined) return renderPlainly(messages, options.addGenerationPrompt)
  const program = parseTemplate(model.chatTemplate)
  let refusal: string | undefined
  try {
    const environment = new Environment()
    const interpreter = new BoundedInterpreter(environment)
    for (const [name, value] of Object.entries({
      ...CONSTANTS,
      ...model.templateTokens,
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: options.addGenerationPrompt,
      range: (...bounds: Parameters<typeof limitedRange>) => {
        const numbers = limitedRange(...bounds)
        interpreter.spend(numbers.length)
        return numbers
      },
      raise_exception: (message: unknown) => {
        refusal = String(message)
        throw new Error(refusal)
      },
    })) {
      environment.set(name, value)
    }
    const { now } = options
    if (now !== undefined) environment.set('strftime_now', (format: unknown) => formatDate(String(format), now))
    const rendered = interpreter.run(program).value
    if (typeof rendered !== 'string') throw new Error('it renders no text')
    return rendered
  } catch (cause) {
    if (refusal !== undefined) {
      throw new CentramError(
        'BAD_ARGUMENT',
        `The model's chat template does not take this conversation: ${refusal.slice(0, 300)}. Change the order or the ` +
          'roles of its messages, or send the text without the template.',
        { cause },
      )
    }
    throw unusable(cause)
  }
}

/** A template comes with a model from anywhere: it may neither run for ever nor fill the memory. */
class BoundedInterpreter extends Interpreter {
  private steps = 0
  /** Nodes that loops go over. */
  private readonly iterables = new WeakSet<object>()

  override evaluate(...[node, environment]: Parameters<Interpreter['evaluate']>) {
    this.spend(1)
    if (node !== undefined && 'iterable' in node) this.noteIterable(node.iterable)
    const result = super.evaluate(node, environment)
    const { value } = result
    if (typeof value === 'string') {
      if (value.length > MAX_TEXT_LENGTH) throw new Error('it grows too long')
      this.spend(value.length / 64)
    } else if (Array.isArray(value)) {
      if (value.length > MAX_LIST_LENGTH) throw new Error('it grows too long')
      if (node !== undefined && this.iterables.has(node)) this.spend(value.length)
    }
    return result
  }

  spend(steps: number): void {
    this.steps += steps
    if (this.steps > MAX_STEPS) throw new Error('it takes too long')
  }

  private noteIterable(iterable: unknown): void {
    if (typeof iterable !== 'object' || iterable === null) return
    this.iterables.add(iterable)
    // `for … in list if …` goes over the list.
    if ('lhs' in iterable) this.noteIterable(iterable.lhs)
  }
}

type Program = ReturnType<typeof parse>
let lastSource: string | undefined
let lastProgram: Program | undefined

/** Parsing costs more than rendering, and one model's template is used again and again. */
function parseTemplate(source: string): Program {
  if (lastProgram !== undefined && lastSource === source) return lastProgram
  if (source.length > MAX_TEMPLATE_LENGTH) throw unusable(new Error(`it has ${source.length} characters`))
  try {
    // As transformers sets its own environment up.
    lastProgram = parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }))
  } catch (cause) {
    throw unusable(cause)
  }
  lastSource = source
  return lastProgram
}

function unusable(cause: unknown): CentramError {
  return new CentramError(
    'MODEL_UNSUPPORTED',
    `The model's chat template cannot be rendered (${errorMessage(cause).slice(0, 300)}). Send the text without the ` +
      'template, or choose another file of this model.',
    { cause },
  )
}

/** Jinja's range, short enough that a template cannot fill the memory with one. */
function limitedRange(first: number, second?: number, step = 1): number[] {
  const [start, stop] = typeof second === 'number' ? [first, second] : [0, first]
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (!(length <= MAX_RANGE)) throw new Error(`a range of ${length} numbers is too long`)
  return Array.from({ length }, (_, i) => start + i * step)
}
