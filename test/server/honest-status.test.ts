// The page of claims: every row says what its page explains, and a claim whose test did not pass is found.

import { expect, it } from 'vitest'
import { findBroken, readClaims } from '../setup/claims.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const report = (file: string, ...statuses: string[]) => ({
  testResults: [
    { name: `${ROOT}${file}`, assertionResults: statuses.map((status, i) => ({ fullName: `test ${i}`, status })) },
  ],
})
const row = (claim: string, state: string, shown: string) => `| ${claim} | ${state} | ${shown} |`
const SHOWN = '`npm test -- test/server/slices.test.ts`'

it('names test files that are there, by the command that runs them', () => {
  const claims = readClaims()
  expect(claims.filter(({ state }) => state === 'ships').length).toBeGreaterThan(30)
  expect(claims.filter(({ state }) => state === 'open').length).toBeGreaterThan(3)
})

it.each([
  ['an unknown state', row('a', 'soon', SHOWN), '"soon"'],
  ['a claim that ships without a command', row('a', 'ships', 'trust us'), 'no command shows it'],
  ['a file that is not there', row('a', 'ships', '`npm test -- test/server/none.test.ts`'), 'is not there'],
  ['another suite', row('a', 'ships', '`npm run test:long -- test/server/slices.test.ts`'), 'other suites'],
  ['nothing', row('a', 'open', ''), 'neither what shows it'],
])('refuses %s', (_, page, why) => {
  expect(() => readClaims(page)).toThrow(why)
})

it('finds claims whose tests failed, were skipped, or did not run', () => {
  const claims = readClaims([row('a', 'ships', SHOWN), row('b', 'open', 'nobody tried')].join('\n'))
  const broken = (...statuses: string[]) => findBroken(claims, [report('test/server/slices.test.ts', ...statuses)])
  expect(broken('passed', 'passed')).toEqual([])
  expect(broken('passed', 'failed')).toEqual(['"a": test/server/slices.test.ts: test 1 failed'])
  expect(broken('skipped')).toEqual(['"a": test/server/slices.test.ts: test 0 skipped'])
  expect(broken()).toEqual(['"a": test/server/slices.test.ts ran no test'])
  expect(findBroken(claims, [])).toEqual(['"a": test/server/slices.test.ts ran no test'])
})
