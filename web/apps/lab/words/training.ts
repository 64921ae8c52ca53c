// The words of training in the Lab, in the language of the page.

import { wordsOf } from '../../../ui/language.ts'
import { trainingDe } from './training-de.ts'
import { trainingEn } from './training-en.ts'

export const trainingWords = wordsOf({ en: trainingEn, de: trainingDe })
