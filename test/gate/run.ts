// The published run of the attack suite: `npx tsx test/gate/run.ts --seeds 0-29 [--folder CACHE] [--json FILE]`. Without a
// folder it judges the zoo that is committed, ten seeds; test/vectors/gate/make.ts trains more.

import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { describeSuite, runSuite, summarise } from './suite.ts'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '0-9' }, folder: { type: 'string' }, json: { type: 'string' } },
})
const [from = 0, to = from] = values.seeds.split('-').map(Number)
const began = Date.now()
const result = await runSuite(
  Array.from({ length: to - from + 1 }, (_, i) => from + i),
  values.folder ?? null,
)
console.log(describeSuite(summarise(result)))
const judging = result.verdicts.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
console.log(
  `Judging took ${(judging[judging.length >> 1] ?? 0).toFixed(0)} ms at the median, ` +
    `${(judging.at(-1) ?? 0).toFixed(0)} ms at most; all of it ${((Date.now() - began) / 1000).toFixed(0)} s.`,
)
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(result, null, 1)}\n`)
