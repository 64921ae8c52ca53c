// What axe finds against WCAG 2.2 AA and its own best practices, each told with the element it is about.

import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright'

export async function findBarriers(page: Page): Promise<readonly string[]> {
  // Without frames axe needs no second tab to gather their results in, which is what the other mode opens.
  const { violations } = await new AxeBuilder({ page }).setLegacyMode().analyze()
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} (${help}) at ${target.flat().join(' ')}: ${failureSummary ?? ''}`),
  )
}
