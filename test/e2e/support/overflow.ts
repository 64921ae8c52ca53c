// What sticks out of a page: to the right, of which a phone would show nothing, or below the window, where nothing is but blank space.

import type { Page } from 'playwright'

/**
 * Every visible element, through all shadow roots, that ends beyond the right edge, and the document where it is longer than the
 * window; boxes that scroll keep theirs.
 */
export function findOverflow(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => {
    const found: string[] = []
    const visit = (root: ParentNode) => {
      for (const element of root.querySelectorAll<HTMLElement>('*')) {
        if (element.shadowRoot) visit(element.shadowRoot)
        const box = element.getBoundingClientRect()
        const hidden = element.matches('.visually-hidden, .skip, .share span, option') || box.width === 0
        const scrolled = element.closest('.scroll:has(table, .graph)') !== null || element.parentElement?.closest('pre')
        if (!hidden && !scrolled && box.right > innerWidth + 1) {
          found.push(`${element.tagName} ${element.className}: ${box.right}`)
        }
      }
    }
    visit(document)
    const { scrollHeight } = document.documentElement
    if (scrollHeight > innerHeight) found.push(`the document: ${scrollHeight} below ${innerHeight}`)
    return found
  })
}
