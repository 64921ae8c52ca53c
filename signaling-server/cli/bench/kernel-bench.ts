// Runs the kernel benchmark in a page of its own and reads what it reports.

import { z } from 'zod'
import { CentramError, errorMessage } from '#core/errors.ts'
import { launchBrowser } from '../tab.ts'
import type { Watchdog } from '../watchdog.ts'

const figuresSchema = z.object({
  adapter: z.string(),
  rows: z.array(
    z.object({
      kernel: z.string(),
      /** Sizes and element type, as in "4096 × 4096 Q4_K". */
      shape: z.string(),
      /** How this adapter runs it, as in "1 row a thread". */
      variant: z.string(),
      /** Median of one run. */
      ms: z.number(),
      /** With its unit: GB/s of weights read, or GFLOP/s. */
      rate: z.string(),
    }),
  ),
})
export type KernelFigures = z.infer<typeof figuresSchema>

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
    page.on('pageerror', (error) => watchdog.fail(new CentramError('INTERNAL', `The benchmark page: ${error.message}`)))
    page.on('crash', () => watchdog.fail(new CentramError('INTERNAL', 'The benchmark page crashed.')))
    await page.exposeFunction('centramReport', (what: unknown) => {
      watchdog.progress(`the benchmark timed ${String(what)}`)
      say(`  ${String(what)}`)
    })
    await page.goto(new URL('bench/', options.url).href, { waitUntil: 'load' })
    const answer = page.evaluate('globalThis.centramBench()')
    const parsed = figuresSchema.safeParse(await watchdog.guard('the kernel benchmark', answer))
    if (!parsed.success) throw new CentramError('INTERNAL', `The kernel benchmark: ${errorMessage(parsed.error)}`)
    return { figures: parsed.data, browser: browser.version() }
  } finally {
    await browser.close()
  }
}
