// What a person writes into a genome: its name and its licence.

import { CentramError } from '#core/errors.ts'

/** Throws `BAD_ARGUMENT` for one that a manifest cannot hold. */
export function checkLabels({ name, licence }: { readonly name: string; readonly licence: string }): void {
  const problem = (what: string, value: string) =>
    value.trim() === '' ? `Give ${what}.` : value.length > 200 ? `Shorten ${what} to 200 characters.` : undefined
  const found = problem('the genome a name', name) ?? problem('a licence, such as CC-BY-4.0', licence)
  if (found !== undefined) throw new CentramError('BAD_ARGUMENT', found)
}
