// Runs inside the asker's page of the recovery benchmark: places the model, answers, and notes when what happened. Plain
// JavaScript, since it is injected as it is.

;(() => {
  async function api() {
    while (!globalThis.centram) await new Promise((resolve) => setTimeout(resolve, 20))
    return globalThis.centram
  }

  const now = () => performance.timeOrigin + performance.now()
  const isReady = ({ stages }) => stages.every(({ status }) => status === 'ready')

  globalThis.centramRecovery = {
    tokens: 0,

    async share() {
      return (await api()).share()
    },

    /** Until the model lies over so many nodes. */
    async place(modelId, nodes) {
      const node = await api()
      if (!this.loaded) await node.loadModel(modelId)
      this.loaded = true
      await new Promise((resolve) => {
        void node.watch(({ placement }) => {
          const holders = new Set(placement?.stages.map(({ nodeId }) => nodeId))
          if (placement && isReady(placement) && placement.stages.length === nodes && holders.size === nodes) resolve()
        })
      })
    },

    /** Until the answer under way has so many tokens. */
    async reach(tokens) {
      while (this.tokens < tokens) await new Promise((resolve) => setTimeout(resolve, 5))
    },

    /** One answer: its tokens, and the moments (milliseconds since 1970) at which things happened to it. */
    async answer({ model, prompt, tokens }) {
      const node = await api()
      const moments = []
      const note = (what) => moments.push({ what, at: now() })
      let wasReady = true
      void node.watch(({ placement }) => {
        const ready = placement !== null && isReady(placement)
        if (ready !== wasReady) note(ready ? 'ready' : 'loading')
        wasReady = ready
      })
      this.tokens = 0
      const request = {
        requestId: String(Math.random()),
        modelId: model,
        prompt: { text: prompt },
        maxTokens: tokens,
        sampling: { temperature: 0 },
        stopAtEnd: false,
        drafts: 'none',
      }
      const result = await node.generate(request, (event) => {
        if (event.type === 'token') {
          this.tokens++
          note('token')
        }
        if (event.type === 'recovery') note(event.state)
      })
      return { moments, tokens: result.tokens }
    },
  }
})()
