// What the linears of a block are called.

import type { LoraTarget } from '#core/genome/lora-config.ts'
import { trainingWords } from './words/training.ts'

export function targetWords(target: LoraTarget): string {
  return trainingWords().targets[target]
}
