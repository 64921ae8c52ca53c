// axe over every scene of the pages, in the app that the scene is about, light and dark, wide and on a phone by turns.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { findBarriers } from '../e2e/support/axe.ts'
import { startScenes, type Scenes } from '../e2e/support/scenes.ts'
import { LAB_SCENES } from '../e2e/ui/fake-lab.ts'
import { LIMITS_SCENES } from '../e2e/ui/fake-limits.ts'
import { SCENES } from '../e2e/ui/fake-node.ts'
import { WALLET_SCENES } from '../e2e/ui/fake-wallet.ts'

let scenes: Scenes
beforeAll(async () => {
  scenes = await startScenes()
})
afterAll(async () => {
  await scenes.close()
})

const WAYS = [
  { scheme: 'light', width: 1280, height: 800 },
  { scheme: 'dark', width: 360, height: 740 },
  { scheme: 'light', width: 360, height: 740 },
  { scheme: 'dark', width: 1280, height: 800 },
] as const

/** Those that are about other nodes and what is lent to them. */
const BESIDE_CHAT = new Set(['door', 'shared', 'guest', 'asked', 'reading', 'typing', 'downloading'])

function appOf(scene: string): string {
  if (scene in LAB_SCENES) return 'Lab'
  if (scene in WALLET_SCENES) return 'Wallet'
  if (scene in LIMITS_SCENES) return 'Node'
  return BESIDE_CHAT.has(scene) ? 'Node' : 'Chat'
}

// Each scene in another of the four ways than the one before.
test.each(Object.keys(SCENES).map((scene, index) => [scene, WAYS[index % WAYS.length]] as const))(
  '%s',
  async (scene, way) => {
    const page = await scenes.open(scene, way)
    await page
      .getByRole('navigation')
      .getByRole('button', { name: appOf(scene), exact: true })
      .click()
    await page.locator('main > :not([hidden])').locator('h2, h3, textarea').first().waitFor({ state: 'attached' })
    expect(await findBarriers(page)).toEqual([])
    await page.close()
  },
)
