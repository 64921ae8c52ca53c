// Which tokens end an answer: those the files name by id, and control tokens whose names chat models give to an end.

/** Names under which released models carry their end tokens; only control (special) tokens of these names count. */
const END_NAMES: ReadonlySet<string> = new Set([
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|end|>',
  '<end_of_turn>',
])

export function isEndName(content: string): boolean {
  return END_NAMES.has(content)
}
