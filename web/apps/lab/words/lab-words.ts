// The words of the Lab, in the language of the page.

import { wordsOf } from '../../../ui/language.ts'
import { de } from './de.ts'
import { en } from './en.ts'
import { exchangeDe } from './exchange-de.ts'
import { exchangeEn } from './exchange-en.ts'
import { experimentsDe } from './experiments-de.ts'
import { experimentsEn } from './experiments-en.ts'

export const labWords = wordsOf({ en, de })
export const exchangeWords = wordsOf({ en: exchangeEn, de: exchangeDe })
export const experimentWords = wordsOf({ en: experimentsEn, de: experimentsDe })
