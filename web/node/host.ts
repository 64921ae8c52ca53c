// Starts the node of this tab in its own worker and hands back its API. The only file that names the worker.

import { proxy, wrap } from 'comlink'
import type { NodeApi, NodeBoot, NodeSettings } from '../../worker/node/api.ts'
import { keepErrorCodes } from './comlink-errors.ts'
import { createRtcHost } from './rtc-host.ts'
import { claimSlot } from './slot.ts'

export interface NodeHost {
  readonly api: NodeApi
  /** The worker itself broke (it could not be loaded, or threw outside any call). */
  onCrash(listener: (message: string) => void): void
}

export async function startNode(settings: NodeSettings): Promise<NodeHost> {
  keepErrorCodes()
  const slot = await claimSlot()
  const worker = new Worker(new URL('../../worker/main.ts', import.meta.url), {
    type: 'module',
    name: `centram-${slot}`,
  })
  const api = new MessageChannel()
  const links = new MessageChannel()
  createRtcHost(links.port1, { relay: new URLSearchParams(location.search).has('relay') })
  const boot: NodeBoot = { settings, slot, api: api.port2, links: links.port2 }
  worker.postMessage(boot, [api.port2, links.port2])
  const remote = wrap<NodeApi>(api.port1)
  return {
    api: {
      watch: (listener) => remote.watch(proxy(listener)),
      rename: (name) => remote.rename(name),
      addModel: (input) => remote.addModel(input),
      estimateModel: (modelId) => remote.estimateModel(modelId),
      loadModel: (modelId, options) => remote.loadModel(modelId, options),
      cancelLoad: (modelId) => remote.cancelLoad(modelId),
      unloadModel: (modelId) => remote.unloadModel(modelId),
      removeModel: (modelId) => remote.removeModel(modelId),
      share: () => remote.share(),
      join: (inviteOrRoom) => remote.join(inviteOrRoom),
      leave: () => remote.leave(),
      generate: (request, listener) => remote.generate(request, proxy(listener)),
      stop: (requestId) => remote.stop(requestId),
      previewTraining: (request) => remote.previewTraining(request),
      startTraining: (request) => remote.startTraining(request),
      pauseTraining: (runId) => remote.pauseTraining(runId),
      resumeTraining: (runId) => remote.resumeTraining(runId),
      endTraining: (runId, keep) => remote.endTraining(runId, keep),
      removeRun: (runId) => remote.removeRun(runId),
      setAdapters: (modelId, adapters) => remote.setAdapters(modelId, adapters),
      importGenome: (modelId, files, names) => remote.importGenome(modelId, files, names),
      exportGenome: (genomeId) => remote.exportGenome(genomeId),
      removeGenome: (genomeId) => remote.removeGenome(genomeId),
      previewMerge: (request) => remote.previewMerge(request),
      mergeGenomes: (request) => remote.mergeGenomes(request),
    },
    onCrash(listener) {
      worker.addEventListener('error', (event) => listener(event.message || 'The node could not be started.'))
    },
  }
}
