// Takes the pictures of the four apps that the README shows, over the fake node's scenes: `npx tsx test/e2e/ui/screenshots.ts`.

import type { Page } from 'playwright'
import { startScenes } from '../support/scenes.ts'

interface Shot {
  readonly file: string
  readonly scene: string
  readonly app: 'Chat' | 'Lab' | 'Wallet' | 'Node'
  readonly width?: number
  readonly scheme?: 'light' | 'dark'
}

const SHOTS: readonly Shot[] = [
  { file: 'chat', scene: 'shared', app: 'Chat' },
  { file: 'lab', scene: 'lab', app: 'Lab' },
  { file: 'wallet', scene: 'wallet', app: 'Wallet' },
  { file: 'node', scene: 'shared', app: 'Node' },
  { file: 'chat-phone', scene: 'shared', app: 'Chat', width: 360, scheme: 'dark' },
]

const SETTLED_MS = 1000

const scenes = await startScenes()
for (const { file, scene, app, width = 1280, scheme = 'light' } of SHOTS) {
  const page = await scenes.open(scene, { width, height: width < 640 ? 740 : 800, scheme })
  await page.getByRole('navigation').getByRole('button', { name: app, exact: true }).click()
  if (app === 'Chat') await ask(page)
  // Charts measure themselves after they are laid out.
  await page.waitForTimeout(SETTLED_MS)
  await page.screenshot({ path: `docs/images/${file}.png` })
  await page.close()
}
await scenes.close()

async function ask(page: Page): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill('Why does the sea have tides?')
  await page.keyboard.press('Enter')
  await page.getByText('both in a day').waitFor()
}
