// Runs inside a page that the command line drives: calls the node's API (`globalThis.centram`), hands errors back as
// data, and reports what changes through the binding `centramReport`. Plain JavaScript, since it is injected as it is.

;(() => {
  const report = (event) => globalThis.centramReport?.(event)

  async function api() {
    // The page sets it once its node has started; a page that cannot start one never does, and the caller gives up.
    while (!globalThis.centram) await new Promise((resolve) => setTimeout(resolve, 20))
    return globalThis.centram
  }

  /** Only what real work moves: clocks, speeds and round trips would make a stalled node look busy. */
  function signatureOf(state) {
    return JSON.stringify([
      state.gpu.kind,
      state.server.state,
      state.room?.id,
      state.peers.map(({ id, link, budgetBytes }) => [id, link, budgetBytes]),
      state.models.map(({ id, status, progress, storedBytes, error }) => [id, status, progress, storedBytes, error]),
      state.placement?.stages.map(({ nodeId, range, status, progress }) => [nodeId, range, status, progress]),
      state.notices.map(({ id }) => id),
    ])
  }

  /** Settles as data: Playwright would keep of an error only its text. */
  async function settle(work) {
    try {
      return { ok: true, value: (await work()) ?? null }
    } catch (error) {
      return { ok: false, code: error?.code ?? 'INTERNAL', message: error?.message ?? String(error) }
    }
  }

  globalThis.centramDriver = {
    watch: () =>
      settle(async () => {
        let latest = ''
        await (
          await api()
        ).watch((state) => {
          const signature = signatureOf(state)
          if (signature === latest) return
          latest = signature
          report({ type: 'state', state })
        })
      }),
    call: (method, args) => settle(async () => (await api())[method](...args)),
    generate: (request) =>
      settle(async () => {
        const node = await api()
        const startedAt = performance.now()
        let firstTokenMs = null
        const result = await node.generate(request, (event) => {
          if (event.type === 'token') firstTokenMs ??= performance.now() - startedAt
          report(event)
        })
        return { ...result, firstTokenMs }
      }),
  }
})()
