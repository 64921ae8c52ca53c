// Checks the parameters a person gives against an operator's table and fills in the defaults.

import { CentramError } from '#core/errors.ts'
import type { MergeValues, OperatorHead, ParameterSpec } from '#core/merge/operator.ts'

/** A value as given: one for the merge or every parent, or a list with one for each parent. */
export type GivenParameters = Readonly<Record<string, number | boolean | readonly (number | boolean)[]>>

/** Throws `BAD_ARGUMENT` for unknown names, missing or wrong values, and values that do not go together. */
export function bindParameters(operator: OperatorHead, given: GivenParameters, parents: number): MergeValues {
  const known = operator.parameters.map((spec) => spec.name)
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    throw refuse(operator, `has no parameter "${name}"; it has ${known.length > 0 ? known.join(', ') : 'none'}`)
  }
  const shared: Record<string, number> = {}
  const parent: Record<string, readonly number[]> = {}
  for (const spec of operator.parameters) {
    const value = Object.hasOwn(given, spec.name) ? given[spec.name] : (spec.default ?? undefined)
    if (value === undefined) throw refuse(operator, `needs the parameter "${spec.name}": ${spec.meaning}`)
    if (spec.scope === 'parent') {
      const list: readonly (number | boolean)[] =
        typeof value === 'object' ? value : new Array<number | boolean>(parents).fill(value)
      if (list.length !== parents) {
        throw refuse(operator, `takes one "${spec.name}" for each parent: ${parents}, but there are ${list.length}`)
      }
      parent[spec.name] = list.map((item) => checkValue(operator, spec, item))
    } else {
      if (typeof value === 'object') throw refuse(operator, `takes a single value for "${spec.name}"`)
      shared[spec.name] = checkValue(operator, spec, value)
    }
  }
  const values = { shared, parent }
  operator.check?.(values)
  return values
}

function checkValue(operator: OperatorHead, spec: ParameterSpec, value: number | boolean): number {
  const { name, type, min = -Infinity, max = Infinity } = spec
  if (type === 'boolean') {
    if (typeof value !== 'boolean' && value !== 0 && value !== 1)
      throw refuse(operator, `takes true or false as "${name}"`)
    return Number(value)
  }
  const kind = type === 'integer' ? 'a whole number' : 'a number'
  if (typeof value !== 'number' || !Number.isFinite(value) || (type === 'integer' && !Number.isInteger(value))) {
    throw refuse(operator, `takes ${kind} as "${name}"`)
  }
  if (value < min || value > max) {
    const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`
    throw refuse(operator, `takes ${kind} ${range} as "${name}", not ${value}`)
  }
  return value
}

/** A refusal that begins with the operator's name. */
export function refuse(operator: { readonly name: string }, problem: string): CentramError {
  return new CentramError('BAD_ARGUMENT', `The merge operator ${operator.name} ${problem}.`)
}

/** The shared value of a declared parameter. */
export function sharedValue(values: MergeValues, name: string): number {
  const value = values.shared[name]
  if (value === undefined) throw new CentramError('INTERNAL', `The shared merge parameter "${name}" is not bound.`)
  return value
}

/** The values, one for each parent, of a declared parameter. */
export function parentValues(values: MergeValues, name: string): readonly number[] {
  const list = values.parent[name]
  if (list === undefined) throw new CentramError('INTERNAL', `The merge parameter "${name}" is not bound.`)
  return list
}
