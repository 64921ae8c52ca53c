// Has the page's files kept by a service worker, so that it opens without its server. Begins once nothing else is waiting, and
// where the browser has none (an address without HTTPS, a private window) the page simply needs its server.

export function keepForOffline(): void {
  if (!('serviceWorker' in navigator)) return
  const register = () => {
    navigator.serviceWorker.register(new URL('service-worker.js', location.href)).catch((error: unknown) => {
      console.warn('The page is not kept for offline use:', error)
    })
  }
  if ('requestIdleCallback' in globalThis) requestIdleCallback(register)
  else setTimeout(register)
}
