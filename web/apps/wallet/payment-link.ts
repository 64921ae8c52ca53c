// Payment requests as links: the page's address with the request in its query, and, where a person wants that, the room's
// invite in the fragment, so that whoever opens it can be linked with the one who asks.

/** The request that the page's address carries, taken out of it: a reload does not ask again. */
export function takePayment(): string | null {
  const request = /[?&]pay=([^&]*)/.exec(location.search)?.[1]
  if (request === undefined) return null
  const rest = location.search.replace(/([?&])pay=[^&]*&?/, '$1').replace(/[?&]$/, '')
  history.replaceState(null, '', `${location.pathname}${rest}${location.hash}`)
  return request
}

export function paymentLink(request: string, invite: string | null): string {
  const fragment = invite && URL.canParse(invite) ? new URL(invite).hash : ''
  return `${new URL('./', location.href).href}?pay=${request}${fragment}`
}
