// A newcomer's first hour, step by step and timed: `npx tsx test/first-hour/run.ts [--from REPOSITORY]`. Clones, starts, chats, opens
// a second tab, trains twice, merges, and pays, by the words that stand on the page. Ends with a table.

import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chromium, type Browser, type Locator, type Page } from 'playwright'
import { CHROMIUM_ARGS, findChromium } from '../../signaling-server/cli/chromium.ts'
import { PROJECT_FOLDER } from '../../signaling-server/cli/project.ts'
import { untilState } from '../e2e/support/app.ts'
import { askAndWait, untilOver } from '../e2e/support/chat.ts'

const { values } = parseArgs({
  options: { from: { type: 'string', default: PROJECT_FOLDER }, port: { type: 'string', default: '9741' } },
})
const TIDES = 'The tide comes in and the tide goes out, and the harbour master writes it down. '.repeat(16)
const RAIN = 'Rain falls on the roofs, rain falls on the ships, and the gutters sing of it all night. '.repeat(16)
const STEPS = 16
const PATIENCE_MS = 60_000

const rows: { readonly step: string; readonly seconds: number; readonly presses: number }[] = []
let presses = 0

/** Runs one step and notes how long it took. */
async function time<T>(step: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  presses = 0
  const result = await work()
  const seconds = (performance.now() - began) / 1000
  rows.push({ step, seconds, presses })
  console.log(`${step}: ${seconds.toFixed(1)} s, ${presses} presses`)
  return result
}

async function press(target: Locator): Promise<void> {
  presses++
  await target.click()
}

const button = (page: Page | Locator, name: string | RegExp, exact = typeof name === 'string') =>
  page.getByRole('button', { name, exact })

function run(command: string, args: readonly string[], cwd: string): void {
  const { status } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with code ${status}.`)
}

async function train(page: Page, name: string, text: string): Promise<void> {
  presses++
  await page.evaluate(
    ([words, file]) => {
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File([words], file))
      for (const type of ['dragover', 'drop']) {
        document.body.dispatchEvent(
          new DragEvent(type, { dataTransfer, bubbles: true, composed: true, cancelable: true }),
        )
      }
    },
    [text, `${name}.txt`] as const,
  )
  const form = page.locator('training-form')
  if (!(await form.getByLabel('Steps', { exact: true }).isVisible())) await press(form.getByText('Settings'))
  const fields = { Rank: 2, Steps: STEPS, Batch: 2, 'Sequence length': 24 }
  for (const [label, value] of Object.entries(fields)) await form.getByLabel(label, { exact: true }).fill(`${value}`)
  await form.getByLabel('Name of the genome').fill(name)
  const start = button(form, 'Start training')
  await page.waitForFunction((one) => !(one as HTMLButtonElement).disabled, await start.elementHandle())
  await press(start)
  await page
    .getByRole('article', { name: `Run ${name}` })
    .getByText('its genome is kept')
    .waitFor({ timeout: PATIENCE_MS })
}

const folder = await mkdtemp(join(tmpdir(), 'centram-first-hour-'))
const clone = join(folder, 'centram')
const browsers: Browser[] = []
let server: ChildProcess | undefined
try {
  await time('clone', async () => run('git', ['clone', '-q', values.from, clone], folder))
  await time('npm ci', async () => run('npm', ['ci', '--no-fund', '--no-audit'], clone))
  const started = spawn('npm', ['start', '--', '--no-open', '--port', values.port], {
    cwd: clone,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, XDG_DATA_HOME: folder },
    detached: true,
  })
  server = started
  const ended = new Promise<never>((_, reject) => {
    started.once('exit', (code) => reject(new Error(`The server ended with code ${code}.`)))
  })
  ended.catch(() => undefined)
  const url = await time('npm start', () => {
    const found = new Promise<string>((resolve) => {
      started.stdout.on('data', (chunk: Buffer) => {
        const address = /running at (http:\S+)/.exec(chunk.toString())?.[1]
        if (address !== undefined) resolve(address)
      })
    })
    return Promise.race([found, ended])
  })

  const open = async (address: string) => {
    const browser = await chromium.launch({ executablePath: findChromium(), args: CHROMIUM_ARGS })
    browsers.push(browser)
    const page = await browser.newPage()
    page.setDefaultTimeout(PATIENCE_MS)
    await page.goto(address)
    return page
  }
  const page = await time('the page opens', async () => {
    const opened = await open(url)
    await button(opened, 'Chat with the built-in model').waitFor()
    return opened
  })
  await time('first answer', async () => {
    await press(button(page, 'Chat with the built-in model'))
    await press(button(page, 'The captain'))
    await untilOver(page.locator('turn-list li.assistant').first())
  })
  const other = await time('second tab', async () => {
    await press(button(page, 'Share'))
    await press(button(page, 'Make an invite link'))
    const link = page.getByRole('region', { name: 'Share' }).getByLabel('Invite link', { exact: true })
    await link.waitFor()
    const opened = await open(await link.inputValue())
    await press(page.getByRole('region', { name: 'Share' }).getByRole('button', { name: 'Close' }))
    await untilState(
      page,
      'a placement over both',
      ({ placement }) => placement?.stages.length === 2 && placement.stages.every(({ status }) => status === 'ready'),
    )
    return opened
  })
  await time('an answer by both', async () => {
    presses++
    const answer = await askAndWait(page, 'The whale came up beside the boat, and')
    const figures = await answer.innerText()
    if (!figures.includes('by this tab and')) throw new Error(`Only one tab answered: ${figures}`)
  })
  await time(`train twice, ${STEPS} steps each`, async () => {
    await train(page, 'Tides', TIDES)
    await train(page, 'Rain', RAIN)
  })
  await time('merge', async () => {
    const form = page.locator('merge-form')
    for (const box of await form.getByRole('checkbox').all()) {
      presses++
      await box.check()
    }
    await form.getByLabel('Name', { exact: true }).fill('Wet')
    await press(button(form, 'Merge'))
    await page.locator('genome-list').getByText('Wet').first().waitFor()
  })
  await time('pay', async () => {
    // The other lends a little first: that is what can be paid with.
    await press(button(other, 'Wallet'))
    const line = other.locator('credit-lines [data-line]').first()
    await press(button(line, /^Lend/))
    await line.getByRole('textbox').or(line.getByRole('spinbutton')).first().fill('20')
    await press(button(line, 'Save'))
    await line.getByText('You lend up to 20 CEN').waitFor()
    await press(button(page, 'Wallet'))
    const send = page.locator('send-form')
    await send.getByText(/You can pay .* up to 20 CEN/).waitFor()
    await send.getByLabel('Amount in CEN').fill('5')
    await press(button(send, 'Send'))
    await send.getByText('Both of you signed it').waitFor()
  })
} finally {
  for (const browser of browsers) await browser.close()
  if (server?.pid !== undefined) process.kill(-server.pid, 'SIGTERM')
  await rm(folder, { recursive: true, force: true })
}
const total = rows.reduce((sum, { seconds }) => sum + seconds, 0)
console.log(['', '| step | seconds | presses |', '|---|---|---|'].join('\n'))
for (const { step, seconds, presses: pressed } of rows) console.log(`| ${step} | ${seconds.toFixed(1)} | ${pressed} |`)
console.log(`| all of it | ${total.toFixed(0)} | ${rows.reduce((sum, row) => sum + row.presses, 0)} |`)
