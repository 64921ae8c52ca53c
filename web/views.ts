// The views of the rail. Every app but the chat is fetched when it is first shown, and so is what shares a model, so that the
// first answer waits for none of it.

/** In the order of the rail. */
export const VIEWS = ['chat', 'lab', 'wallet', 'node'] as const
export type View = (typeof VIEWS)[number]

const FETCH: Readonly<Record<View | 'share', () => Promise<unknown>>> = {
  // Comes with the page.
  chat: () => Promise.resolve(),
  lab: () => import('./apps/lab/lab-app.ts'),
  wallet: () => import('./apps/wallet/wallet-app.ts'),
  node: () => import('./apps/dashboard/node-app.ts'),
  share: () => import('./ui/share-panel.ts'),
}

/** Resolves once the part's elements are defined. Rejects where its files cannot be had. */
export async function fetchPart(part: View | 'share'): Promise<void> {
  await FETCH[part]()
}
