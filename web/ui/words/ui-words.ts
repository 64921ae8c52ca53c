// The words of the shell and of the elements that several apps share, in the language of the page.

import { wordsOf } from '../language.ts'
import { de } from './de.ts'
import { en } from './en.ts'

export const uiWords = wordsOf({ en, de })
