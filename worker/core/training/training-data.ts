// From the files a person chose to the sequences a run trains on and is judged by.

import { CentramError } from '#core/errors.ts'
import { toHex } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import type { OpenedModel } from '#core/formats/opened-model.ts'
import type { Tokenizer } from '#core/tokenizer/tokenizer.ts'
import { splitHeldOut } from '#core/training/held-out.ts'
import { oneDocumentEach, packSequences, type PackedSequence } from '#core/training/pack-sequences.ts'
import { tokeniseDocuments } from '#core/training/tokenise-documents.ts'
import { readTrainingFiles, type TrainingFile } from '#core/training/training-files.ts'

export interface TrainingData {
  readonly train: readonly PackedSequence[]
  readonly heldOut: readonly PackedSequence[]
  readonly documents: number
  /** Tokens that carry loss. */
  readonly trainTokens: number
  readonly heldOutTokens: number
  /** Hex SHA-256 over the files' hashes, in their order; names do not enter. */
  readonly hash: string
}

export interface TrainingDataOptions {
  /** Of a sequence, in tokens; the model's context at most. */
  readonly sequenceLength: number
  /** Part of the text that is never trained on. */
  readonly heldOutFraction: number
  readonly seed: number
  /** One sequence a document, cut off at its end: for private training, which protects documents. */
  readonly oneDocumentEach?: boolean
}

/** Throws `FORMAT_INVALID` and others naming file and line, `BAD_ARGUMENT` where nothing is left to learn. */
export function prepareTrainingData(
  files: readonly TrainingFile[],
  tokenizer: Tokenizer,
  model: Pick<OpenedModel, 'chatTemplate' | 'templateTokens' | 'config'>,
  options: TrainingDataOptions,
): TrainingData {
  const { sequenceLength, heldOutFraction, seed } = options
  if (sequenceLength > model.config.contextLength) {
    throw new CentramError(
      'BAD_ARGUMENT',
      `Sequences of ${sequenceLength} tokens are longer than the model's context of ${model.config.contextLength}.`,
    )
  }
  const documents = tokeniseDocuments(readTrainingFiles(files), tokenizer, model)
  const split = splitHeldOut(documents, heldOutFraction, seed)
  const pack = options.oneDocumentEach ? oneDocumentEach : packSequences
  const train = pack(split.train, sequenceLength)
  const heldOut = packSequences(split.heldOut, sequenceLength)
  if (train.length === 0) {
    throw new CentramError('BAD_ARGUMENT', 'The files hold too little text to learn from. Add more.')
  }
  const counted = (sequences: readonly PackedSequence[]) =>
    sequences.reduce((sum, sequence) => sum + sequence.counted, 0)
  return {
    train,
    heldOut,
    documents: documents.length,
    trainTokens: counted(train),
    heldOutTokens: counted(heldOut),
    hash: toHex(sha256(...files.map(({ bytes }) => sha256(bytes)))),
  }
}
