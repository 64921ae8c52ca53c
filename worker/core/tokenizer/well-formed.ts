// Half surrogate pairs have no UTF-8 form; like every encoder to UTF-8, tokenizers read them as U+FFFD.

export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD')
}
