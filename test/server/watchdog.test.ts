import { setTimeout as delay } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { CentramError } from '#core/errors.ts'
import { createWatchdog } from '../../signaling-server/cli/watchdog.ts'

const never = () => new Promise<never>(() => undefined)

it('gives up on work that stands still, and says what it waited for and what came last', async () => {
  const watchdog = createWatchdog(300)
  watchdog.progress('tab 2 made a token')
  await expect(watchdog.guard('tokens in tab 1', never())).rejects.toMatchObject({
    code: 'TIMEOUT',
    message: expect.stringMatching(/tokens in tab 1.*tab 2 made a token.*--timeout/),
  })
})

it('lets work take any time while something moves', async () => {
  const watchdog = createWatchdog(400)
  const beat = setInterval(() => watchdog.progress('a token'), 50)
  const work = delay(1_200).then(() => 'done')
  await expect(watchdog.guard('tokens', work)).resolves.toBe('done')
  clearInterval(beat)
})

it('ends every wait, and every later one, at the first failure', async () => {
  const watchdog = createWatchdog(60_000)
  const waits = [watchdog.guard('a', never()), watchdog.guard('b', never())]
  watchdog.fail(new CentramError('CANCELLED', 'first'))
  watchdog.fail(new CentramError('INTERNAL', 'second'))
  for (const wait of waits) await expect(wait).rejects.toThrow('first')
  await expect(watchdog.guard('c', Promise.resolve(1))).rejects.toThrow('first')
})

it('hands on the error of the work itself', async () => {
  const watchdog = createWatchdog(60_000)
  await expect(watchdog.guard('x', Promise.reject(new Error('broken')))).rejects.toThrow('broken')
})
