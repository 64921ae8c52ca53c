// Runs the kernel benchmark in a page of its own and reads what it reports.

import { z } from 'zod'
import { CentramError, errorMessage } from '#core/errors.ts'
import { launchBrowser } from '../tab.ts'
import type { Watchdog } from '../watchdog.ts'

const rowSchema = z.object({
  kernel: z.string(),
  /** How this adapter ran it: threads a row, tile. */
  shape: z.string(),
  dtype: z.string(),
  size: z.string(),
  unit: z.enum(['GB/s', 'GFLOP/s']),
  median: z.number(),
  slowest: z.number(),
  fastest: z.number(),
  milliseconds: z.number(),
})
const messageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('row'), row: rowSchema }),
  z.object({ type: z.literal('done'), adapter: z.string() }),
  z.object({ type: z.literal('failed'), message: z.string() }),
])

export interface KernelFigures {
  readonly adapter: string
  readonly rows: readonly z.infer<typeof rowSchema>[]
}

export interface KernelBenchOptions {
  /** The server's page. */
  readonly url: string
  readonly watchdog: Watchdog
  readonly say: (line: string) => void
}

export async function benchKernels(
  options: KernelBenchOptions,
): Promise<{ readonly figures: KernelFigures; readonly browser: string }> {
  const { watchdog, say } = options
  const browser = await launchBrowser(false)
  try {
    const page = await browser.newPage()
    const fail = (what: string) => watchdog.fail(new CentramError('INTERNAL', `The kernel benchmark ${what}`))
    page.on('pageerror', (error) => fail(`failed: ${error.message}`))
    page.on('crash', () => fail('crashed.'))
    const rows: z.infer<typeof rowSchema>[] = []
    const adapter = new Promise<string>((resolve) => {
      const onMessage = (raw: unknown) => {
        const parsed = messageSchema.safeParse(raw)
        if (!parsed.success) fail(`said something unexpected: ${errorMessage(parsed.error)}`)
        else if (parsed.data.type === 'failed') fail(`failed: ${parsed.data.message}`)
        else if (parsed.data.type === 'done') resolve(parsed.data.adapter)
        else {
          const { row } = parsed.data
          rows.push(row)
          watchdog.progress(`the benchmark timed ${row.kernel} ${row.dtype}`)
          say(`  ${row.kernel} ${row.shape} ${row.dtype} ${row.size}: ${row.median.toPrecision(3)} ${row.unit}`)
        }
      }
      void page.exposeFunction('centramReport', onMessage).then(
        async () => {
          await page.goto(new URL('bench/', options.url).href, { waitUntil: 'load' })
          await page.evaluate('centramBench(centramReport)')
        },
        (error: unknown) => fail(errorMessage(error)),
      )
    })
    return {
      figures: { adapter: await watchdog.guard('the kernel benchmark', adapter), rows },
      browser: browser.version(),
    }
  } finally {
    await browser.close()
  }
}
