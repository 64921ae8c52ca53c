// The pre-tokenizer of a tokenizer.json, checked, with the parts replaced whose JavaScript form in the library differs
// from the original's: ByteLevel's own expression (`\s` is another set there) and Digits (ASCII only there).

import { fail, isRecord, refuse } from '#core/tokenizer/huggingface-parts.ts'
import { GPT2_PATTERN, splitBy } from '#core/tokenizer/pre-tokenizers.ts'

const MAX_PATTERN_LENGTH = 4096

export function checkedPreTokenizer(value: unknown, depth = 0): object | null {
  if (value === null || value === undefined) return null
  if (!isRecord(value) || depth > 8) throw fail('its pre-tokenizer is damaged')
  switch (value['type']) {
    case 'Sequence': {
      const steps = value['pretokenizers']
      if (!Array.isArray(steps)) throw fail('its pre-tokenizer is damaged')
      return {
        type: 'Sequence',
        pretokenizers: (steps as unknown[]).map((step) => checkedPreTokenizer(step, depth + 1)),
      }
    }
    case 'ByteLevel': {
      if (value['use_regex'] === false || value['add_prefix_space'] === true) return value
      return { type: 'Sequence', pretokenizers: [splitBy(GPT2_PATTERN), { ...value, use_regex: false }] }
    }
    case 'Digits':
      return splitBy(value['individual_digits'] === true ? '\\p{N}' : '\\p{N}+')
    case 'Split':
      return checkedSplit(value['pattern'], value['behavior'], value['invert'])
    case 'Metaspace':
      if (value['split'] === true) throw refuse('a pre-tokenizer that splits at', 'Metaspace')
      return value
    default:
      throw refuse('a pre-tokenizer of the type', value['type'])
  }
}

function checkedSplit(pattern: unknown, behavior: unknown, invert: unknown): object {
  const { Regex: regex, String: text } = isRecord(pattern) ? pattern : {}
  const source = regex ?? text
  if (typeof source !== 'string' || source === '' || source.length > MAX_PATTERN_LENGTH) {
    throw fail('a split has no pattern')
  }
  // Taking what matches away from what does not, or the other way round, leaves the same parts.
  if (behavior !== 'Isolated' && !(behavior === 'Removed' && invert === true)) throw refuse('a split that is', behavior)
  return {
    type: 'Split',
    pattern: typeof regex === 'string' ? { Regex: regex } : { String: text },
    behavior,
    invert: invert === true,
  }
}
