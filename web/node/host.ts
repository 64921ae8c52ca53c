// Starts the node of this tab in its own worker and hands back its API. The only file that names the worker.

import { proxy, wrap } from 'comlink'
import type { NodeApi, NodeBoot, NodeSettings } from '../../worker/node/api.ts'
import { keepErrorCodes } from './comlink-errors.ts'
import { followConditions } from './conditions.ts'
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
  const flags = new URLSearchParams(location.search)
  createRtcHost(links.port1, {
    channelsOnPage: flags.get('channels') === 'page',
    relayedOnly: flags.get('path') === 'relayed',
  })
  const boot: NodeBoot = { settings, slot, api: api.port2, links: links.port2 }
  worker.postMessage(boot, [api.port2, links.port2])
  const remote = wrap<NodeApi>(api.port1)
  const tellVisible = () => void remote.setVisible(document.visibilityState === 'visible')
  document.addEventListener('visibilitychange', tellVisible)
  if (document.visibilityState !== 'visible') tellVisible()
  followConditions((conditions) => void remote.setConditions(conditions))
  return {
    api: {
      watch: (listener) => remote.watch(proxy(listener)),
      rename: (name) => remote.rename(name),
      changeKey: (how) => remote.changeKey(how),
      addModel: (input) => remote.addModel(input),
      estimateModel: (modelId) => remote.estimateModel(modelId),
      loadModel: (modelId, options) => remote.loadModel(modelId, options),
      loadWithEngine: (modelId, engine) => remote.loadWithEngine(modelId, engine),
      cancelLoad: (modelId) => remote.cancelLoad(modelId),
      unloadModel: (modelId) => remote.unloadModel(modelId),
      removeModel: (modelId) => remote.removeModel(modelId),
      share: () => remote.share(),
      join: (inviteOrRoom) => remote.join(inviteOrRoom),
      leave: () => remote.leave(),
      setNearby: (on) => remote.setNearby(on),
      pair: (nodeId) => remote.pair(nodeId),
      acceptPairing: () => remote.acceptPairing(),
      givePairingCode: (code) => remote.givePairingCode(code),
      cancelPairing: () => remote.cancelPairing(),
      setWays: (ways) => remote.setWays(ways),
      setVisible: (visible) => remote.setVisible(visible),
      setSharing: (settings) => remote.setSharing(settings),
      setLimits: (limits) => remote.setLimits(limits),
      setConditions: (conditions) => remote.setConditions(conditions),
      leaveCleanly: () => remote.leaveCleanly(),
      readLog: (after) => remote.readLog(after),
      readMeasurements: (since) => remote.readMeasurements(since),
      readStored: () => remote.readStored(),
      removeLeftover: (key) => remote.removeLeftover(key),
      setLinks: (settings) => remote.setLinks(settings),
      measureLink: (peerId) => remote.measureLink(peerId),
      generate: (request, listener) => remote.generate(request, proxy(listener)),
      stop: (requestId) => remote.stop(requestId),
      traffic: () => remote.traffic(),
      previewTraining: (request) => remote.previewTraining(request),
      startTraining: (request) => remote.startTraining(request),
      pauseTraining: (runId) => remote.pauseTraining(runId),
      resumeTraining: (runId) => remote.resumeTraining(runId),
      endTraining: (runId, keep) => remote.endTraining(runId, keep),
      removeRun: (runId) => remote.removeRun(runId),
      startExperiment: (experiment) => remote.startExperiment(experiment),
      pauseExperiment: (id) => remote.pauseExperiment(id),
      resumeExperiment: (id) => remote.resumeExperiment(id),
      removeExperiment: (id) => remote.removeExperiment(id),
      setAdapters: (modelId, adapters) => remote.setAdapters(modelId, adapters),
      importGenome: (modelId, files, names) => remote.importGenome(modelId, files, names),
      exportGenome: (genomeId) => remote.exportGenome(genomeId),
      removeGenome: (genomeId) => remote.removeGenome(genomeId),
      previewMerge: (request) => remote.previewMerge(request),
      mergeGenomes: (request) => remote.mergeGenomes(request),
      shareGenome: (genomeId, shared) => remote.shareGenome(genomeId, shared),
      findGenomes: (modelId, domain) => remote.findGenomes(modelId, domain),
      fetchGenome: (genomeId) => remote.fetchGenome(genomeId),
      proposeMerge: (peer, request) => remote.proposeMerge(peer, request),
      setMergesForOthers: (allowed) => remote.setMergesForOthers(allowed),
      setJudgingText: (domain, files, names) => remote.setJudgingText(domain, files, names),
      requestEvaluation: (peer, genomeIds, domain, probes) => remote.requestEvaluation(peer, genomeIds, domain, probes),
      allowGenome: (genomeId) => remote.allowGenome(genomeId),
      holdGenome: (genomeId) => remote.holdGenome(genomeId),
      judgeGenome: (genomeId) => remote.judgeGenome(genomeId),
      askForVerdicts: (genomeId) => remote.askForVerdicts(genomeId),
      disputeVerdict: (genomeId, judge) => remote.disputeVerdict(genomeId, judge),
      setGateRules: (rules) => remote.setGateRules(rules),
      grantCredit: (peer, limit) => remote.grantCredit(peer, limit),
      setRoyaltyTerms: (genomeId, terms) => remote.setRoyaltyTerms(genomeId, terms),
      settleRoyalties: () => remote.settleRoyalties(),
      backUpKey: (passphrase) => remote.backUpKey(passphrase),
      restoreKey: (backup, passphrase) => remote.restoreKey(backup, passphrase),
      objectTo: (entryId, message) => remote.objectTo(entryId, message),
      setPrices: (prices) => remote.setPrices(prices),
      pay: (peer, amount) => remote.pay(peer, amount),
      readHistory: (filter, from, count) => remote.readHistory(filter, from, count),
      readRoyalties: () => remote.readRoyalties(),
      requestPayment: (amount, note) => remote.requestPayment(amount, note),
      forgetRequest: (id) => remote.forgetRequest(id),
      payRequest: (request, amount) => remote.payRequest(request, amount),
      setDoor: (open) => remote.setDoor(open),
      makeDoorKey: (settings) => remote.makeDoorKey(settings),
      removeDoorKey: (keyId) => remote.removeDoorKey(keyId),
    },
    onCrash(listener) {
      worker.addEventListener('error', (event) => listener(event.message || 'The node could not be started.'))
    },
  }
}
