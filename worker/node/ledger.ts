// The ledger of a node, put together: its own log and others', how they come from node to node, credit, witnesses and forks.
// Wiring only.

import { toHex, utf8 } from '#core/crypto/bytes.ts'
import { sha256 } from '#core/crypto/hash.ts'
import { errorCode } from '#core/errors.ts'
import type { ForkProof } from '#core/ledger/fork.ts'
import type { LogEntry } from '#core/ledger/log.ts'
import type { News } from '#core/gossip/news.ts'
import { USAGE_RECEIPT } from '#core/protocol/messages/infer.ts'
import { LOG_HEAD } from '#core/protocol/messages/proof.ts'
import type { BodyOf } from '#core/protocol/registry.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import type { Item } from '#core/reconciliation/item-set.ts'
import type { Gossip } from '../net/gossip.ts'
import type { Verdict } from '../net/gossip-options.ts'
import type { Swarm } from '../net/swarm.ts'
import { createPrices } from './answer-prices.ts'
import { createCreditLines } from './credit-lines.ts'
import type { GenomeLibrary } from './genome-library.ts'
import { handleLedger } from './handlers/ledger.ts'
import { handleProof } from './handlers/proof.ts'
import { createKeyBackup } from './key-backup.ts'
import type { KeyBook } from './key-book.ts'
import type { AnswerPrices, LedgerApi, LedgerState } from './ledger-api.ts'
import { createLedgerAuthors } from './ledger-authors.ts'
import { createLedgerBook } from './ledger-book.ts'
import { showLedger } from './ledger-state.ts'
import { createLedgerCopyClient } from './ledger-copy.ts'
import { createLedgerHistory } from './ledger-history.ts'
import { createLogExchange, keyBytes } from './log-exchange.ts'
import { createPaymentRequests } from './payment-requests.ts'
import { createReconcilingLater } from './reconciling-later.ts'
import { createRoomVoice } from './room-voice.ts'
import { createRoyalties } from './royalties.ts'
import type { Notify } from './notices.ts'
import type { Surroundings } from './surroundings.ts'
import { createWitnesses } from './witnesses.ts'

export interface Ledger {
  readonly api: LedgerApi
  readonly accounts: AnswerAccounts
  /** This node goes on under another key: its log ends with that. */
  closeLog(rotation: BodyOf<'SESSION_KEY_ROTATE'>): Promise<void>
  start(): Promise<void>
  close(): void
}

/** How answers are paid for. */
export interface AnswerAccounts {
  prices(): AnswerPrices
  /** What a node may still come to owe this one. */
  creditOf(peer: string): number
  /** Writes down a receipt that both signed; pays it where this node asked and it has a price. */
  settle(receipt: Uint8Array, server: Uint8Array, asker: Uint8Array): Promise<void>
}

export interface LedgerParts {
  /** Names what this node keeps in records, whatever key it goes by. */
  readonly owner: string
  readonly swarm: Swarm
  readonly gossip: Pick<Gossip, 'subscribe' | 'publish'>
  readonly keys: KeyBook
  /** Whose manifests say who gets royalties. */
  readonly genomes: Pick<GenomeLibrary, 'all'>
  readonly nameOf: (peer: string) => string
  /** Of a model by its fingerprint, hex; null for one that is not listed here. */
  readonly modelTitle: (fingerprint: string) => string | null
  readonly notify: Notify
}

const TOPIC = 'ledger'

export function createLedger(
  surroundings: Surroundings,
  { owner, swarm, gossip, keys, genomes, nameOf, modelTitle, notify }: LedgerParts,
  show: (ledger: LedgerState) => void,
): Ledger {
  const self = swarm.id
  const voice = createRoomVoice(TOPIC, gossip, swarm)
  const authors = createLedgerAuthors(surroundings, keys, owner)
  const entries = new Map<string, LogEntry[]>()
  const entriesOf = (author: string): readonly LogEntry[] => entries.get(author) ?? []
  let started = false
  let backedUpAt: number | null = null
  const backedUpKey = `backed-up/${self}`
  const genomeOf = (id: string) => genomes.all().find((genome) => genome.id === id)?.manifest ?? null
  const genomeName = (id: string) => genomeOf(id)?.name ?? null
  const history = createLedgerHistory({
    isSelf: (key) => keys.isSameNode(key, self),
    currentKey: keys.current,
    genomeName,
    modelTitle,
    noteOf: (reference) => requests.noteOf(reference),
    statementOf: (reference) => royalties.statementOf(reference),
  })

  const onChange = () => {
    if (!started) return
    show(showLedger({ self, book, authors, credit, witnesses, prices, royalties, history, requests, backedUpAt }))
  }
  const book = createLedgerBook({
    surroundings,
    onEntries(author, read, isNew) {
      // What others were given for nothing is not gone by again.
      const kept = author === self ? read : read.filter(({ kind }) => kind !== 'receipt')
      entries.set(author, [...entriesOf(author), ...kept])
      authors.meetParties(author, read)
      history.add(read)
      if (isNew && author === self) {
        exchange.tellOwn()
        copy.sendSoon()
      }
      onChange()
    },
  })
  const credit = createCreditLines({
    surroundings,
    owner,
    keys,
    book,
    authors,
    entriesOf,
    trySend: voice.trySend,
    onChange,
  })
  const prices = createPrices(surroundings, owner, onChange)
  const requests = createPaymentRequests({ surroundings, owner, keys, credit, history, onChange })
  const royalties = createRoyalties({
    surroundings,
    owner,
    keys,
    book,
    authors,
    credit,
    voice,
    originOf: genomeOf,
    genomeName,
    entriesOf,
    onChange,
  })
  const witnesses = createWitnesses({ surroundings, keys, book, authors, voice, onChange })

  /** Keeps a proof and tells everyone; who brought it has it already. */
  async function learnFork(proof: ForkProof, from: string | null): Promise<boolean> {
    if (!(await authors.freeze(proof))) return false
    const author = toHex(readObject(LOG_HEAD, proof.first.head).author)
    notify(
      author === self ? 'error' : 'warning',
      'PEER_REFUSED',
      author === self
        ? 'This node’s log was signed twice in different words, so others take nothing more of it. Start as a new node, in the settings of this page.'
        : `${nameOf(author)} signed two different logs. Nothing more of it is taken; the proof goes to everyone.`,
    )
    onChange()
    for (const peer of voice.linked()) if (peer !== from) voice.trySend(peer, 'PROOF_FORK', proof)
    // Those who are not linked hear of it too, where it is short enough for news.
    if (!proof.path) await voice.tell('PROOF_FORK', proof).catch(() => undefined)
    return true
  }
  const exchange = createLogExchange({
    surroundings,
    book,
    authors,
    voice,
    async onFork(proof) {
      await learnFork(proof, null)
    },
    onLog(author, head, from) {
      void witnesses.onLog(author, head)
      void credit.onEntries(author).catch(() => undefined)
      const others = voice.linked().filter((peer) => peer !== from && peer !== author)
      const [dice = 0] = surroundings.random(1)
      const [one] = others.splice(dice % Math.max(1, others.length), 1)
      // An author tells all whom it is linked with; one of them is shown what was told here, should it be told otherwise.
      if (one !== undefined) exchange.show(one, author)
      // What came from somebody else those hear of here who are not linked with the author.
      if (from !== author) for (const peer of others) exchange.show(peer, author)
    },
  })

  /** One item a log, by its last entry; of who forked, one that is the same for every proof. */
  function* headItems(): Iterable<Item & { readonly author: string }> {
    for (const { author, point, head } of book.logs()) {
      if (head && !authors.refusal(author)) yield { key: point.at, id: point.previous, author }
    }
    for (const author of authors.standings().frozen.keys()) {
      yield { key: 0, id: sha256(utf8('centram fork v1\n'), keyBytes(author)), author }
    }
  }
  const reconciling = createReconcilingLater({
    surroundings,
    self,
    voice,
    sets: [
      {
        name: 'log-heads',
        items: headItems,
        push(peer, ids) {
          const wanted = new Set(ids.map(toHex))
          for (const { id, author } of headItems()) if (wanted.has(toHex(id))) exchange.show(peer, author)
        },
      },
    ],
  })

  const backup = createKeyBackup(surroundings, keys, self)
  const copy = createLedgerCopyClient({
    surroundings,
    serverUrl: surroundings.settings.serverUrl,
    book,
    authors,
    witnesses: witnesses.ofOwnHead,
    takeLog: exchange.takeLog,
    onFork: (proof) => learnFork(proof, null),
  })
  gossip.subscribe(TOPIC, {
    names: ['PROOF_FORK', 'LEDGER_DISPUTE', 'LEDGER_ROYALTY_RULE'],
    async onNews({ content }: News, from: string): Promise<Verdict> {
      try {
        if (content.name === 'PROOF_FORK') return (await learnFork(content.body, from)) ? 'accept' : 'ignore'
        if (content.name === 'LEDGER_DISPUTE') {
          return (await royalties.onDispute(from, content.body)) ? 'accept' : 'ignore'
        }
        if (content.name !== 'LEDGER_ROYALTY_RULE') return 'ignore'
        await royalties.onRoyaltyRule(from, content.body)
        return 'accept'
      } catch (error) {
        return errorCode(error) === 'SIGNATURE_INVALID' ? 'reject' : 'ignore'
      }
    },
  })
  handleProof(swarm, exchange, reconciling, witnesses, {
    async onFork(peer: string, body: BodyOf<'PROOF_FORK'>) {
      await learnFork(body, peer)
    },
  })
  handleLedger(swarm, credit, royalties)
  swarm.onPeerOpen((peer) => {
    authors.meet(peer)
    exchange.show(peer, self)
    reconciling.onPeerOpen(peer)
    void credit
      .onPeerOpen(peer)
      .then(() => royalties.onPeerOpen(peer))
      .catch(() => undefined)
  })
  swarm.onPeerLost((peer) => {
    exchange.onPeerLost(peer)
    reconciling.onPeerLost(peer)
    royalties.onPeerLost(peer)
  })

  async function recordRotation({ rotation, signature, successor }: BodyOf<'SESSION_KEY_ROTATE'>): Promise<void> {
    await book.record('rotation', rotation, [signature, successor])
  }

  return {
    api: {
      grantCredit: (peer, limit) => credit.grant(peer, limit, null),
      async pay(peer, amount) {
        await credit.pay(peer, { amount, purpose: 'gift', reference: null })
      },
      setPrices: prices.set,
      setRoyaltyTerms: royalties.setTerms,
      objectTo: royalties.object,
      settleRoyalties: royalties.settle,
      async backUpKey(passphrase) {
        const file = await backup.backUp(passphrase)
        backedUpAt = surroundings.wallTime()
        await surroundings.records.put('settings', backedUpKey, backedUpAt)
        onChange()
        return file
      },
      restoreKey: backup.restore,
      readHistory: async (filter, from, count) => history.page(filter, from, count),
      readRoyalties: async () => royalties.trees(),
      requestPayment: requests.make,
      forgetRequest: requests.forget,
      payRequest: requests.pay,
    },
    accounts: {
      prices: prices.get,
      creditOf: credit.leftFor,
      async settle(receipt, server, asker) {
        await book.record('receipt', receipt, [server, asker])
        const { price, server: payee, asker: payer, work } = readObject(USAGE_RECEIPT, receipt)
        if (price === 0 || toHex(payer) !== self) return
        await credit.pay(toHex(payee), { amount: price, purpose: work, reference: sha256(receipt) })
      },
    },
    closeLog: recordRotation,
    async start() {
      await authors.start()
      authors.meet(self)
      await prices.start()
      await requests.start()
      const kept = await surroundings.records.get('settings', backedUpKey)
      backedUpAt = typeof kept === 'number' ? kept : null
      await book.start()
      await credit.start()
      await royalties.start()
      started = true
      // The first that a log says is whose it goes on for.
      const [rotation] = keys.pathTo(self).rotations
      if (rotation && book.own().point.sequence === 0 && book.own().missing === 0) await recordRotation(rotation)
      copy.start()
      onChange()
    },
    close() {
      copy.close()
      exchange.close()
      reconciling.close()
      royalties.close()
    },
  }
}
