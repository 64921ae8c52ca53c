// Lets whoever drives the page put one question after another to a worker.

/** `globalThis[name](request)` resolves with the worker's answer. */
export function offerWorker(name: string, start: () => Worker): void {
  let worker: Worker | undefined
  Object.assign(globalThis, {
    [name](request: unknown) {
      worker ??= start()
      const asked = worker
      return new Promise<unknown>((resolve) => {
        asked.onmessage = ({ data }: MessageEvent<unknown>) => resolve(data)
        asked.onerror = ({ message }) =>
          resolve({ type: 'failed', message: message || 'The benchmark worker could not be loaded.' })
        asked.postMessage(request)
      })
    },
  })
}
