// The last lines of `.ci/run`: adds up the JSON reports of the suites and says what could not run.
//
//   node test/setup/summary.js [--step NAME=EXIT_CODE]… REPORT=FOLDER[,FOLDER…]…
//
// Every *.test.ts under a report's folders must appear in it with at least one test. A step that failed although all its
// tests passed (a crash, a time-out, lint) counts as one failure, so that nothing broken can add up to "0 failed". Failed
// tests are named again at the end, since a log may be kept from there on only.

import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const steps = []
const reports = []
for (let index = 2; index < process.argv.length; index++) {
  const isStep = process.argv[index] === '--step'
  const [name, value] = process.argv[isStep ? ++index : index].split('=')
  if (isStep) steps.push({ name, code: Number(value) })
  else reports.push({ path: name, folders: value.split(',') })
}

const total = { passed: 0, failed: 0, skipped: 0 }
/** Adds one failure that no test reports. */
function fail(message) {
  total.failed++
  console.log(`FAILED: ${message}`)
}

for (const { path, folders } of reports) {
  const report = existsSync(path) ? readReport(path) : null
  if (!report) {
    fail(`no report at ${path}: the suite did not run to its end`)
    continue
  }
  const files = new Map()
  for (const file of report.testResults) {
    const name = relative(process.cwd(), resolve(file.name))
    const counts = files.get(name) ?? { tests: 0, failed: 0 }
    for (const { status, fullName, failureMessages } of file.assertionResults) {
      counts.tests++
      if (status === 'passed') total.passed++
      else if (status === 'failed') {
        counts.failed++
        console.log(`FAILED: ${name}: ${fullName}: ${firstLines(failureMessages)}`)
      } else total.skipped++
    }
    files.set(name, counts)
    total.failed += counts.failed
    if (file.status === 'failed' && counts.failed === 0) fail(`${name}: ${firstLine(file.message)}`)
  }
  for (const folder of folders) {
    const expected = testFiles(folder)
    if (expected.length === 0) fail(`${folder} holds no tests`)
    for (const name of expected) if (!files.get(name)?.tests) fail(`${name} ran no test`)
  }
  if (report.success === false && total.failed === 0) fail(`${path} reports failure`)
}
for (const { name, code } of steps) {
  if (code === 0) continue
  const reason = code === 124 || code === 137 ? 'ran out of time' : `ended with code ${code}`
  if (total.failed === 0 || !reports.some(({ path }) => path.includes(name))) fail(`${name} ${reason}`)
  else console.log(`${name} ${reason}`)
}

const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0

function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return null
  }
}

function testFiles(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
}

function firstLine(message) {
  return String(message || 'failed without a failing test').split('\n', 1)[0]
}

function firstLines(messages) {
  return String(messages?.[0] ?? 'no message')
    .split('\n')
    .slice(0, 6)
    .join('\n  ')
}
