// Genomes of the room: what this node shares and announces, what others announced, and how one is fetched. What comes from
// others is handed to the gate.

import { equalBytes, toHex } from '#core/crypto/bytes.ts'
import { CentramError, errorCode } from '#core/errors.ts'
import type { Announcement } from '#core/gate/layer.ts'
import type { News } from '#core/gossip/news.ts'
import { ADAPTER_WEIGHTS_FILE } from '#core/genome/peft-config.ts'
import { GENOME_FILE, type SignedGenome } from '#core/genome/signed-genome.ts'
import { EVALUATION, GENOME_WITHDRAWAL } from '#core/protocol/messages/genome.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { encodeObject, readObject, signObject, verifyObject } from '#core/protocol/signed-object.ts'
import type { Gossip } from '../net/gossip.ts'
import type { Verdict } from '../net/gossip-options.ts'
import type { Swarm } from '../net/swarm.ts'
import type { ContentExchange } from './content-exchange.ts'
import { offeredBytes } from './content-holding.ts'
import { openDelivery, type Delivery } from './genome-delivery.ts'
import type { GenomeLibrary } from './genome-library.ts'
import { bytesOf, describeSummary, summaryOf, type GenomeSummary } from './genome-summary.ts'
import { createKnownGenomes, type Told, type Withdrawal } from './known-genomes.ts'
import type { KeyBook } from './key-book.ts'
import type { RoomGenome } from './lab-api.ts'
import type { ModelLibrary } from './model-library.ts'
import { createRoomVoice } from './room-voice.ts'
import type { Surroundings } from './surroundings.ts'

export interface GenomeExchange {
  /** Offers again what was shared at earlier visits. */
  start(): Promise<void>
  list(): readonly RoomGenome[]
  isShared(genomeId: string): boolean
  /** Of a shared one: the content's id, and since when. Throws `BAD_ARGUMENT`. */
  contentOf(genomeId: string): { readonly content: string; readonly at: number }
  /** That it is not in quarantine is for who calls this to see to. */
  share(genomeId: string, shared: boolean): Promise<void>
  /** Asks every linked node for genomes of a base model. */
  find(base: string, domain: string | null): void
  /** Fetches one and hands it to the gate; returns its id once it is kept, in quarantine. */
  fetch(genomeId: string): Promise<string>
  /** What was announced; undefined where nobody in the room stands for it any more. */
  announcementOf(genomeId: string): Announcement | undefined
  /** Everything that is announced now. */
  announced(): readonly GenomeSummary[]
  /** Nodes that told of it. */
  holdersOf(genomeId: string): readonly string[]
  /** When its author took a genome back; null if it did not. */
  withdrawnAt(genomeId: string, author: string): number | null
  /** The genome and its tensors: those that are here, else fetched and not kept. */
  obtain(genomeId: string): Promise<{ readonly genome: SignedGenome; readonly tensors: Uint8Array }>
  onAnnounce(peer: string, body: BodyOf<'GENOME_ANNOUNCE'>): void
  onQuery(peer: string, body: BodyOf<'GENOME_QUERY'>): void
  onList(peer: string, body: BodyOf<'GENOME_LIST'>): void
  onWithdraw(peer: string, body: BodyOf<'GENOME_WITHDRAW'>): Promise<void>
  /** What somebody measured, verified. */
  addEvaluation(body: BodyOf<'GENOME_EVAL_REPORT'>): Promise<void>
  onPeerOpen(peer: string): void
  onPeerLost(peer: string): void
  /** The node went to another room. */
  forget(): void
}

export interface GenomeExchangeOptions {
  readonly surroundings: Pick<Surroundings, 'identity' | 'verifier' | 'records' | 'wallTime'>
  readonly owner: string
  readonly swarm: Pick<Swarm, 'id' | 'send' | 'peers'>
  readonly gossip: Pick<Gossip, 'subscribe' | 'publish'>
  readonly keys: Pick<KeyBook, 'isSameNode' | 'status' | 'current'>
  readonly genomes: GenomeLibrary
  readonly models: Pick<ModelLibrary, 'byFingerprint' | 'findBase' | 'open'>
  readonly contents: Pick<ContentExchange, 'offerContent' | 'withdrawContent' | 'fetchContent'>
  /** A manifest that was verified here, of whoever's lineage. */
  readonly findAncestor: (genomeId: string) => SignedGenome | undefined
  readonly nameOf: (peer: string) => string
  /** A genome was fetched: judges it, and keeps it apart. Throws for what is no genome. */
  receive(delivery: Delivery): Promise<SignedGenome>
  /** Somebody announced one that was not known here. */
  onNew(summary: GenomeSummary, told: Told): void
  /** Somebody signed that it takes a genome back; whether it is the author is known of those that are announced. */
  onWithdrawn(withdrawal: Withdrawal): void
  readonly onChange: () => void
}

const TOPIC = 'genomes'
const PAGE = 32
/** Pages of one query, at most. */
const MAX_PAGES = 16
/** Own genomes that a newcomer is told of at once; it can ask for the rest. */
const MAX_TOLD = 32
/** Files of one genome, at most. */
const MAX_BYTES = 1024 * 1024 * 1024

interface Query {
  readonly base: Uint8Array
  readonly domain: string | null
  pages: number
}

export function createGenomeExchange(options: GenomeExchangeOptions): GenomeExchange {
  const { surroundings, owner, swarm, gossip, keys, genomes, models, contents, onChange } = options
  const { identity, records, verifier } = surroundings
  const known = createKnownGenomes((a, b) => keys.isSameNode(a, b))
  /** Shared by this node: the content's id and since when. */
  const shared = new Map<string, { readonly content: string; readonly at: number }>()
  const fetching = new Map<string, Promise<SignedGenome>>()
  const ofAuthor = (by: string, sequence: number | null = null): Told => ({ by, sequence })
  const HEARSAY: Told = { by: null, sequence: null }
  const queries = new Map<string, Query>()
  const sharedKey = (genomeId: string) => `${owner}/${genomeId}`
  let lastQuery = 0

  const isOwn = (author: Uint8Array) => keys.isSameNode(toHex(author), swarm.id)
  const findOwn = (genomeId: string): SignedGenome | undefined => {
    try {
      return genomes.find(genomeId)
    } catch {
      return undefined
    }
  }
  const voice = createRoomVoice(TOPIC, gossip, swarm)
  const { trySend } = voice

  /** What this node gives, as it tells of it: others' genomes by what their authors signed, as of when they made them. */
  function sharedSummary(genomeId: string): GenomeSummary | undefined {
    const [genome, standing] = [findOwn(genomeId), shared.get(genomeId)]
    if (!genome || !standing) return undefined
    const { author, createdAt } = genome.manifest
    return summaryOf(genome, bytesOf(standing.content), isOwn(author) ? standing.at : createdAt, options.findAncestor)
  }
  const sharedSummaries = () => [...shared.keys()].flatMap((id) => sharedSummary(id) ?? [])
  const hold = (summary: GenomeSummary) =>
    known.learn(summary, swarm.id, isOwn(summary.author) ? ofAuthor(swarm.id) : HEARSAY)

  async function offer(genome: SignedGenome, at: number): Promise<void> {
    const files = [
      offeredBytes(GENOME_FILE, genome.bytes),
      offeredBytes(ADAPTER_WEIGHTS_FILE, await genomes.readTensors(genome.id)),
    ]
    const { id } = await contents.offerContent({ kind: 'genome', files })
    shared.set(genome.id, { content: id, at })
    const summary = sharedSummary(genome.id)
    if (summary) hold(summary)
    onChange()
  }

  /** Takes what was said of a genome; true when it was taken, or was known. */
  function learn(summary: GenomeSummary, from: string, told: Told): boolean {
    if (isOwn(summary.author) && from !== swarm.id) return false
    const isNew = known.get(toHex(summary.genome)) === undefined
    const taken = known.learn(summary, from, told)
    if (taken) onChange()
    if (taken && isNew) options.onNew(summary, told)
    return taken
  }

  async function onNews({ author, content, sequence }: News, from: string): Promise<Verdict> {
    const by = toHex(author)
    if (keys.status(by) !== 'current') return 'ignore'
    if (content.name === 'GENOME_ANNOUNCE') {
      const { genome } = content.body
      if (!keys.isSameNode(toHex(genome.author), by)) return 'ignore'
      return learn(genome, from, ofAuthor(by, sequence)) ? 'accept' : 'ignore'
    }
    if (content.name !== 'GENOME_WITHDRAW') return 'ignore'
    try {
      return (await takeBack(content.body)) ? 'accept' : 'ignore'
    } catch (error) {
      return errorCode(error) === 'SIGNATURE_INVALID' ? 'reject' : 'ignore'
    }
  }
  gossip.subscribe(TOPIC, { names: ['GENOME_ANNOUNCE', 'GENOME_WITHDRAW'], onNews })

  /** Throws `SIGNATURE_INVALID`. */
  async function takeBack(body: BodyOf<'GENOME_WITHDRAW'>): Promise<boolean> {
    const withdrawal = readObject(GENOME_WITHDRAWAL, body.withdrawal)
    if (!(await verifyObject(GENOME_WITHDRAWAL, body.withdrawal, withdrawal.author, body.signature, verifier))) {
      throw new CentramError('SIGNATURE_INVALID', 'A withdrawal was refused: the author that it names did not sign it.')
    }
    const isNew = known.withdraw(withdrawal, body)
    if (isNew) {
      const genomeId = toHex(withdrawal.genome)
      const genome = findOwn(genomeId)
      // Whoever gave it to others gives it no more.
      if (genome && keys.isSameNode(toHex(genome.manifest.author), toHex(withdrawal.author)))
        await stopSharing(genomeId)
      options.onWithdrawn(withdrawal)
      onChange()
    }
    return isNew
  }

  async function stopSharing(genomeId: string): Promise<void> {
    const standing = shared.get(genomeId)
    if (!standing) return
    shared.delete(genomeId)
    known.left(swarm.id, genomeId)
    contents.withdrawContent(standing.content)
    await records.delete('shared', sharedKey(genomeId))
  }

  function ask(peer: string, query: Query, after: Uint8Array | null): void {
    const number = ++lastQuery
    queries.set(`${peer}/${number}`, query)
    const { base, domain } = query
    trySend(peer, 'GENOME_QUERY', { query: number, base, domain, after, limit: PAGE })
  }

  const basesHere = () => new Set(genomes.list().map(({ baseHash }) => baseHash))

  const announcementOf = (genomeId: string): Announcement | undefined => {
    const entry = known.get(genomeId)
    return entry && { summary: entry.summary, ...entry.told }
  }

  async function fetchFiles(genomeId: string): Promise<Delivery> {
    const announcement = announcementOf(genomeId)
    if (!announcement) {
      throw new CentramError('BAD_ARGUMENT', 'Nobody in the room announces this genome any more.')
    }
    const { summary } = announcement
    const [sender] = known.get(genomeId)?.holders ?? []
    const maxBytes = Math.min(MAX_BYTES, summary.bytes)
    const { files, tree } = await contents.fetchContent(toHex(summary.content), { maxBytes })
    const fileNamed = (name: string) => files.find(({ path }) => path === name)?.bytes
    return {
      // Links do not show the address of a peer's network.
      sender: sender === undefined ? null : { key: sender, address: null },
      announcement,
      content: { id: tree.id, manifest: tree.encoded, leaves: tree.leaves },
      manifest: fileNamed(GENOME_FILE) ?? null,
      tensors: fileNamed(ADAPTER_WEIGHTS_FILE) ?? new Uint8Array(),
    }
  }

  return {
    async start() {
      for (const key of await records.keys('shared')) {
        const at = await records.get('shared', key)
        const genome = key.startsWith(`${owner}/`) ? findOwn(key.slice(owner.length + 1)) : undefined
        if (genome && typeof at === 'number') await offer(genome, at).catch(() => undefined)
      }
    },

    list: () =>
      known
        .all()
        .map(({ summary, holders, evaluations }) => {
          const id = toHex(summary.genome)
          return describeSummary(summary, {
            holders: [...holders].filter((peer) => peer !== swarm.id).length,
            here: findOwn(id) !== undefined,
            fetching: fetching.has(id),
            modelId: models.byFingerprint(toHex(summary.base)) ?? null,
            authorName: isOwn(summary.author) ? null : options.nameOf(keys.current(toHex(summary.author))),
            evaluations,
          })
        })
        .sort((a, b) => b.announcedAt - a.announcedAt || (a.id < b.id ? -1 : 1)),

    isShared: (genomeId) => shared.has(genomeId),

    contentOf(genomeId) {
      const found = shared.get(genomeId)
      if (found) return found
      throw new CentramError('BAD_ARGUMENT', 'This genome is not shared.')
    },

    async share(genomeId, isWanted) {
      const genome = genomes.find(genomeId)
      const standing = shared.get(genomeId)
      if (isWanted === (standing !== undefined)) return
      const at = surroundings.wallTime()
      if (!standing) {
        await offer(genome, at)
        await records.put('shared', sharedKey(genomeId), at)
        const summary = sharedSummary(genomeId)
        if (summary && isOwn(summary.author)) await voice.tell('GENOME_ANNOUNCE', { genome: summary })
        return
      }
      await stopSharing(genomeId)
      if (isOwn(genome.manifest.author)) {
        const object = { genome: bytesOf(genomeId), author: identity.publicKey, why: 'taken back', at }
        const withdrawal = encodeObject(GENOME_WITHDRAWAL, object)
        const body = { withdrawal, signature: await signObject(GENOME_WITHDRAWAL, withdrawal, identity) }
        known.withdraw(object, body)
        await voice.tell('GENOME_WITHDRAW', body)
      }
      onChange()
    },

    find(base, domain) {
      for (const peer of voice.linked()) ask(peer, { base: bytesOf(base), domain, pages: 0 }, null)
    },

    async fetch(genomeId) {
      if (findOwn(genomeId)) return genomeId
      const running = fetching.get(genomeId)
      if (running) return (await running).id
      const work = fetchFiles(genomeId).then((delivery) => options.receive(delivery))
      fetching.set(genomeId, work)
      onChange()
      try {
        return (await work).id
      } finally {
        fetching.delete(genomeId)
        onChange()
      }
    },

    async obtain(genomeId) {
      const genome = findOwn(genomeId)
      if (genome) return { genome, tensors: await genomes.readTensors(genomeId) }
      const delivery = await fetchFiles(genomeId)
      return { genome: await openDelivery(delivery, verifier, models), tensors: delivery.tensors }
    },

    announcementOf,
    announced: () => known.all().map(({ summary }) => summary),
    holdersOf: (genomeId) => [...(known.get(genomeId)?.holders ?? [])].filter((peer) => peer !== swarm.id),
    withdrawnAt: known.withdrawnAt,

    onAnnounce(peer, { genome }) {
      if (!keys.isSameNode(toHex(genome.author), peer)) {
        throw new CentramError(
          'BAD_ARGUMENT',
          'A genome is announced by its author; others list it when they are asked.',
        )
      }
      learn(genome, peer, ofAuthor(peer))
    },

    onQuery(peer, { query, base, domain, after, limit }) {
      const fitting = known
        .all()
        .map(({ summary }) => summary)
        .filter((summary) => equalBytes(summary.base, base))
        .filter(({ claims }) => domain === null || claims.some((claim) => claim.domain === domain))
        .sort((a, b) => (toHex(a.genome) < toHex(b.genome) ? -1 : 1))
        .filter(({ genome }) => after === null || toHex(genome) > toHex(after))
      trySend(peer, 'GENOME_LIST', { query, genomes: fitting.slice(0, limit), more: fitting.length > limit })
    },

    onList(peer, { query: number, genomes: listed, more }) {
      const key = `${peer}/${number}`
      const query = queries.get(key)
      if (!query) throw new CentramError('BAD_ARGUMENT', 'This list answers no question of this node.')
      queries.delete(key)
      for (const summary of listed) {
        const withdrawal = known.withdrawalOf(summary)
        if (withdrawal) trySend(peer, 'GENOME_WITHDRAW', withdrawal)
        else learn(summary, peer, keys.isSameNode(toHex(summary.author), peer) ? ofAuthor(peer) : HEARSAY)
      }
      const last = listed.at(-1)
      if (more && last && ++query.pages < MAX_PAGES) ask(peer, query, last.genome)
    },

    async onWithdraw(_peer, body) {
      await takeBack(body)
    },

    async addEvaluation({ evaluation: bytes, signature }) {
      const evaluation = readObject(EVALUATION, bytes)
      if (!(await verifyObject(EVALUATION, bytes, evaluation.evaluator, signature, verifier))) {
        throw new CentramError(
          'SIGNATURE_INVALID',
          'A report was refused: the evaluator that it names did not sign it.',
        )
      }
      const { domain, probes, delta, low, high, at } = evaluation
      const evaluator = toHex(evaluation.evaluator)
      known.addEvaluation(toHex(evaluation.genome), {
        evaluator,
        evaluatorName: evaluator === swarm.id ? null : options.nameOf(keys.current(evaluator)),
        domain,
        probes,
        delta,
        low,
        high,
        at,
      })
      onChange()
    },

    onPeerOpen(peer) {
      const own = sharedSummaries().filter(({ author }) => isOwn(author))
      for (const genome of own.slice(0, MAX_TOLD)) trySend(peer, 'GENOME_ANNOUNCE', { genome })
      for (const base of basesHere()) ask(peer, { base: bytesOf(base), domain: null, pages: 0 }, null)
    },

    onPeerLost(peer) {
      for (const key of queries.keys()) if (key.startsWith(`${peer}/`)) queries.delete(key)
      known.left(peer)
      onChange()
    },

    forget() {
      known.clear()
      queries.clear()
      for (const summary of sharedSummaries()) hold(summary)
      onChange()
    },
  }
}
