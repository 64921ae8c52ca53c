// The words of the Node page, in the language of the page.

import { wordsOf } from '../../../ui/language.ts'
import { de } from './de.ts'
import { en } from './en.ts'
import { logDe } from './log-de.ts'
import { logEn } from './log-en.ts'

export const dashboardWords = wordsOf({ en, de })
export const logWords = wordsOf({ en: logEn, de: logDe })
