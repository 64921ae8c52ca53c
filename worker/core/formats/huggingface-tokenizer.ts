// A Hugging Face folder's tokenizer files as a TokenizerSpec, a chat template and the tokens that the template names.

import { CentramError } from '#core/errors.ts'
import { isEndName } from '#core/formats/end-tokens.ts'
import { isJsonObject, type JsonFile, type JsonObject } from '#core/formats/json-file.ts'
import type { TokenizerSpec } from '#core/tokenizer/tokenizer.ts'

export interface TokenizerFiles {
  readonly config: JsonFile
  readonly tokenizer: JsonFile | undefined
  readonly tokenizerConfig: JsonFile | undefined
  readonly generationConfig: JsonFile | undefined
}

const MAX_ADDED_TOKENS = 65_536

export function tokenizerFromHuggingFace(files: TokenizerFiles, vocabularySize: number): TokenizerSpec {
  const { config, tokenizer } = files
  if (config.value['centram_tokenizer'] === 'bytes') {
    if (vocabularySize >= 256) return { kind: 'bytes' }
    throw new CentramError(
      'FORMAT_INVALID',
      `${config.name}: a tokenizer of bytes needs 256 tokens, and the embedding has ${vocabularySize}.`,
    )
  }
  if (tokenizer === undefined) {
    throw new CentramError(
      'FORMAT_INVALID',
      `tokenizer.json is missing beside ${config.name}. Add it, or choose a GGUF of this model, which carries its own.`,
    )
  }
  const ends = new Set<number>()
  for (const file of [config, files.generationConfig]) {
    for (const id of idsOf(file?.value['eos_token_id'], vocabularySize)) ends.add(id)
  }
  const eos = tokenContent(files.tokenizerConfig?.value['eos_token'])
  for (const { id, content, special } of addedTokens(tokenizer, vocabularySize)) {
    if (content === eos || (special && isEndName(content))) ends.add(id)
  }
  return {
    kind: 'huggingface',
    tokenizer: tokenizer.value,
    config: files.tokenizerConfig?.value ?? {},
    ends: [...ends],
  }
}

/** Jinja source: a file of its own, else what tokenizer_config.json holds (of several, the one named `default`). */
export function chatTemplateOf(templateFile: string | undefined, tokenizerConfig: JsonObject): string | undefined {
  if (templateFile !== undefined) return templateFile
  const template = tokenizerConfig['chat_template']
  if (typeof template === 'string') return template
  if (!Array.isArray(template)) return undefined
  const named = template.filter(isJsonObject).find((item) => item['name'] === 'default')?.['template']
  return typeof named === 'string' ? named : undefined
}

export function templateTokensOf(tokenizerConfig: JsonObject): Record<string, string> {
  const tokens: Record<string, string> = {}
  for (const key of ['bos_token', 'eos_token', 'pad_token', 'unk_token']) {
    const content = tokenContent(tokenizerConfig[key])
    if (content !== undefined) tokens[key] = content
  }
  return tokens
}

interface AddedToken {
  readonly id: number
  readonly content: string
  readonly special: boolean
}

function addedTokens(tokenizer: JsonFile, vocabularySize: number): AddedToken[] {
  const list = tokenizer.value['added_tokens'] ?? []
  if (!Array.isArray(list) || list.length > MAX_ADDED_TOKENS) {
    throw new CentramError('FORMAT_INVALID', `${tokenizer.name}: "added_tokens" is no list of tokens. Fetch it again.`)
  }
  return list.map((item: unknown) => {
    const { id, content, special } = isJsonObject(item) ? item : {}
    if (!isId(id, vocabularySize) || typeof content !== 'string' || content === '') {
      throw new CentramError(
        'FORMAT_INVALID',
        `${tokenizer.name}: the added token ${JSON.stringify(item)?.slice(0, 120)} has no text or no id below ` +
          `${vocabularySize}. The tokenizer does not belong to this model.`,
      )
    }
    return { id, content, special: special === true }
  })
}

function idsOf(value: unknown, vocabularySize: number): number[] {
  return (Array.isArray(value) ? value : [value]).filter((id): id is number => isId(id, vocabularySize))
}

function isId(value: unknown, vocabularySize: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < vocabularySize
}

function tokenContent(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  const content = isJsonObject(value) ? value['content'] : undefined
  return typeof content === 'string' ? content : undefined
}
