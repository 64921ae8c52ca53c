// A tokenizer.json checked before use: byte-pair encoding made of parts that the library computes as the original does.
// Other parts are refused by name.

import { CentramError } from '#core/errors.ts'
import { bytesOfEntry } from '#core/tokenizer/byte-level.ts'
import { createLibraryTokenizer } from '#core/tokenizer/library-tokenizer.ts'
import { checkedPreTokenizer } from '#core/tokenizer/huggingface-pre-tokenizer.ts'
import { fail, isRecord, refuse, type JsonRecord } from '#core/tokenizer/huggingface-parts.ts'
import type { Tokenizer, TokenizerSpec } from '#core/tokenizer/tokenizer.ts'

type HuggingFaceSpec = Extract<TokenizerSpec, { kind: 'huggingface' }>

const MAX_ENTRIES = 2_097_152
const NORMALIZERS = new Set(['NFC', 'NFD', 'NFKC', 'NFKD', 'Replace', 'Prepend', 'Sequence', 'Lowercase', 'Strip'])
const SPACE = '\u2581'
const BYTE_ENTRY = /^<0x([0-9A-Fa-f]{2})>$/
const NO_BYTES = new Uint8Array(0)

interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
}

export function createHuggingFaceTokenizer(spec: HuggingFaceSpec): Tokenizer {
  const json = spec.tokenizer as JsonRecord
  const model = json['model']
  if (!isRecord(model)) throw fail('it has no "model"')
  const entries = checkModel(model)
  checkNormalizer(json['normalizer'], 0)
  const added = addedTokensOf(json['added_tokens'])

  const contents: string[] = []
  for (const [content, id] of entries) contents[id] = content
  const whole = new Map<number, AddedToken>()
  for (const token of added) {
    whole.set(token.id, token)
    contents[token.id] = token.content
  }

  const bytesOf = entryBytes(json['decoder'])
  const utf8 = new TextEncoder()
  const tokenBytes = (id: number): Uint8Array => {
    const token = whole.get(id)
    if (token !== undefined) return token.special ? NO_BYTES : utf8.encode(token.content)
    const content = contents[id]
    return content === undefined ? NO_BYTES : bytesOf(content)
  }

  const checked = {
    ...json,
    normalizer: json['normalizer'] ?? null,
    pre_tokenizer: checkedPreTokenizer(json['pre_tokenizer']),
    // What goes before a text is `leading`; nothing goes after it.
    post_processor: null,
    decoder: null,
    added_tokens: added,
  }
  return createLibraryTokenizer({
    json: checked,
    config: {},
    vocabularySize: contents.length,
    endTokens: new Set(spec.ends),
    leading: leadingOf(json['post_processor'], contents.length),
    tokenBytes,
  })
}

function checkModel(model: JsonRecord): [string, number][] {
  if (model['type'] !== undefined && model['type'] !== 'BPE') throw refuse(`a model of the type`, model['type'])
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout']) {
    // Some files carry empty strings for "none".
    const value = model[key] ?? ''
    if (value !== '' && value !== 0) throw refuse(`"${key}"`, value)
  }
  const { vocab, merges } = model
  if (!isRecord(vocab)) throw fail('its vocabulary is no table')
  const entries = Object.entries(vocab)
  if (entries.length > MAX_ENTRIES) throw fail(`its vocabulary has ${entries.length} entries`)
  for (const [content, id] of entries) {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= MAX_ENTRIES) {
      throw fail(`the entry ${JSON.stringify(content.slice(0, 64))} has no proper id`)
    }
  }
  if (!Array.isArray(merges) || merges.length > MAX_ENTRIES) throw fail('its merges are no list')
  for (const merge of merges as unknown[]) {
    const pair = typeof merge === 'string' ? merge.split(' ') : merge
    const valid =
      Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string' && part !== '')
    if (!valid || typeof merge !== typeof merges[0])
      throw fail(`it has ${JSON.stringify(merge)?.slice(0, 64)} for a merge`)
  }
  return entries as [string, number][]
}

function checkNormalizer(normalizer: unknown, depth: number): void {
  if (normalizer === null || normalizer === undefined) return
  if (!isRecord(normalizer) || depth > 8) throw fail('its normalizer is damaged')
  const type = String(normalizer['type'])
  if (!NORMALIZERS.has(type)) throw refuse('a normalizer of the type', type)
  if (type === 'Prepend' && typeof normalizer['prepend'] !== 'string') throw fail('its normalizer prepends no text')
  if (type === 'Replace') {
    const { pattern, content } = normalizer
    const { Regex: regex, String: text } = isRecord(pattern) ? pattern : {}
    if (typeof (regex ?? text) !== 'string' || typeof content !== 'string')
      throw fail('its normalizer replaces no text')
  }
  if (type !== 'Sequence') return
  const steps = normalizer['normalizers']
  if (!Array.isArray(steps)) throw fail('its normalizer is damaged')
  for (const step of steps as unknown[]) checkNormalizer(step, depth + 1)
}

function addedTokensOf(list: unknown): AddedToken[] {
  if (list === undefined || list === null) return []
  if (!Array.isArray(list) || list.length > MAX_ENTRIES) throw fail('its added tokens are no list')
  return (list as unknown[]).map((item) => {
    const { id, content, special, single_word: singleWord } = isRecord(item) ? item : {}
    const valid = Number.isInteger(id) && (id as number) >= 0 && (id as number) < MAX_ENTRIES
    if (!valid || typeof content !== 'string' || content === '') throw fail('an added token has no text or no id')
    if (singleWord === true) throw refuse('an added token that must be a single word', content)
    return { ...(item as object), id: id as number, content, special: special === true }
  })
}

/** How an entry of the vocabulary stands for bytes, as the decoder says. */
function entryBytes(decoder: unknown): (entry: string) => Uint8Array {
  const types = decoderTypes(decoder, 0)
  if (types.has('ByteLevel')) return bytesOfEntry
  if (!types.has('ByteFallback') && !types.has('Metaspace'))
    throw refuse('a decoder of the type', [...types].join(', '))
  const utf8 = new TextEncoder()
  return (entry) => {
    const hex = BYTE_ENTRY.exec(entry)?.[1]
    return hex === undefined ? utf8.encode(entry.replaceAll(SPACE, ' ')) : Uint8Array.of(Number.parseInt(hex, 16))
  }
}

function decoderTypes(decoder: unknown, depth: number): Set<string> {
  if (!isRecord(decoder) || depth > 8) throw fail('it has no proper decoder')
  if (decoder['type'] !== 'Sequence') return new Set([String(decoder['type'])])
  const steps = decoder['decoders']
  if (!Array.isArray(steps)) throw fail('it has no proper decoder')
  return new Set((steps as unknown[]).flatMap((step) => [...decoderTypes(step, depth + 1)]))
}

/** Ids that the post-processor puts before a text (bos, as a rule). */
function leadingOf(processor: unknown, vocabularySize: number): number[] {
  if (!isRecord(processor)) return []
  if (processor['type'] === 'Sequence' && Array.isArray(processor['processors'])) {
    return (processor['processors'] as unknown[]).flatMap((step) =>
      isRecord(step) && step['type'] === 'TemplateProcessing' ? leadingOf(step, vocabularySize) : [],
    )
  }
  if (processor['type'] === 'ByteLevel') return []
  if (processor['type'] !== 'TemplateProcessing') throw refuse('a post-processor of the type', processor['type'])
  const { single, special_tokens: table } = processor
  if (!Array.isArray(single) || !isRecord(table)) throw fail('its post-processor is damaged')
  const leading: number[] = []
  for (const item of single as unknown[]) {
    const token = isRecord(item) ? item['SpecialToken'] : undefined
    if (!isRecord(token)) break
    const ids = Object.hasOwn(table, String(token['id'])) ? table[String(token['id'])] : undefined
    const list: unknown = isRecord(ids) ? ids['ids'] : undefined
    if (!Array.isArray(list)) throw new CentramError('FORMAT_INVALID', 'The post-processor names an unknown token.')
    for (const id of list as unknown[]) {
      if (!Number.isInteger(id) || (id as number) < 0 || (id as number) >= vocabularySize) {
        throw fail('its post-processor names an unknown token')
      }
      leading.push(id as number)
    }
  }
  return leading
}
