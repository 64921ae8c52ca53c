// The part of the data that is never trained on. Whole documents where there are enough of them; else the end of each,
// so that one book also has something to be judged by.

import { CentramError } from '#core/errors.ts'
import { drawUniform } from '#core/training/random-streams.ts'
import type { TokenisedDocument } from '#core/training/tokenise-documents.ts'

export interface DataSplit {
  readonly train: readonly TokenisedDocument[]
  readonly heldOut: readonly TokenisedDocument[]
}

/** From this many documents on, whole ones are held out. */
const ENOUGH_DOCUMENTS = 20
/** A shorter end of a text would say little. */
const LEAST_TOKENS = 8

/** `fraction` of the documents (at least one), or of each document's tokens; 0 holds nothing out. */
export function splitHeldOut(documents: readonly TokenisedDocument[], fraction: number, seed: number): DataSplit {
  if (!(fraction >= 0 && fraction < 1)) {
    throw new CentramError('BAD_ARGUMENT', `A held-out part of ${fraction} is not between 0 and 1.`)
  }
  if (fraction === 0) return { train: documents, heldOut: [] }
  if (documents.length >= ENOUGH_DOCUMENTS) return splitDocuments(documents, fraction, seed)
  const train: TokenisedDocument[] = []
  const heldOut: TokenisedDocument[] = []
  for (const document of documents) {
    const cut = Math.ceil(document.tokens.length * (1 - fraction))
    if (document.tokens.length - cut < LEAST_TOKENS || !document.counted.subarray(cut + 1).includes(1)) {
      train.push(document)
      continue
    }
    train.push(sliceDocument(document, 0, cut))
    heldOut.push(sliceDocument(document, cut, document.tokens.length))
  }
  return { train, heldOut }
}

function splitDocuments(documents: readonly TokenisedDocument[], fraction: number, seed: number): DataSplit {
  const ranked = documents
    .map((document, index) => ({ document, index, rank: drawUniform(seed, 'heldOut', index) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
  const chosen = new Set(
    ranked.slice(0, Math.max(1, Math.round(documents.length * fraction))).map(({ index }) => index),
  )
  return {
    train: documents.filter((_, index) => !chosen.has(index)),
    heldOut: documents.filter((_, index) => chosen.has(index)),
  }
}

function sliceDocument(document: TokenisedDocument, first: number, last: number): TokenisedDocument {
  return {
    file: document.file,
    line: document.line,
    tokens: document.tokens.slice(first, last),
    counted: document.counted.slice(first, last),
  }
}
