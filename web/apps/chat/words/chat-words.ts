// The words of the chat, in the language of the page.

import { wordsOf } from '../../../ui/language.ts'
import { de } from './de.ts'
import { en } from './en.ts'

export const chatWords = wordsOf({ en, de })
