// Family 10, ledger: whole CEN between two nodes that grant each other credit, and shares for the lineage of what was used.

import { z } from 'zod/mini'
import { equalBytes } from '../../crypto/bytes.ts'
import {
  byteString,
  cen,
  count,
  errorCodeField,
  hash,
  id16,
  integer,
  list,
  nodeKey,
  reason,
  signature,
  text,
  timestamp,
  u32,
} from '../fields.ts'
import { definePeerMessage } from '../message.ts'
import { defineObject, objectField } from '../signed-object.ts'
import { USAGE_RECEIPT } from './infer.ts'

const MAX_EVIDENCE = 16 * 1024
/** Genomes that were used in one period, and genomes that get a share of it. */
export const MAX_POOLS = 128
export const MAX_SHARES = 384

/** From one time to another, the end not included. */
const PERIOD = z
  .strictObject({ from: timestamp, to: timestamp })
  .check(z.refine((period) => period.from < period.to, 'a period ends after it begins'))

/** How much one node lets another owe it. The higher version replaces the lower; a limit of 0 closes the line. */
export const CREDIT_GRANT = defineObject({
  name: 'credit grant',
  schema: z.strictObject({
    creditor: nodeKey,
    debtor: nodeKey,
    limit: cen,
    version: count,
    expiresAt: z.nullable(timestamp),
    at: timestamp,
  }),
  maxBytes: 256,
})

/** A payment inside a credit line. Counts once payer and payee have signed it. */
export const TRANSFER = defineObject({
  name: 'transfer',
  schema: z
    .strictObject({
      id: id16,
      payer: nodeKey,
      payee: nodeKey,
      amount: integer(1, Number.MAX_SAFE_INTEGER),
      /** Higher with each transfer that this payer's key proposes to this payee's; those that came to nothing leave gaps. */
      sequence: count,
      purpose: z.enum(['answer', 'merge', 'royalty', 'settlement', 'gift']),
      /** SHA-256 of the receipt, royalty statement or payment request that it pays. */
      reference: z.nullable(hash),
      at: timestamp,
      /** Not to be signed by the payee from then on. */
      expiresAt: timestamp,
    })
    .check(z.refine((transfer) => !equalBytes(transfer.payer, transfer.payee), 'nobody pays itself')),
  maxBytes: 384,
})

/** The payee's word that it never signs a transfer. */
export const TRANSFER_ABORT = defineObject({
  name: 'transfer abort',
  schema: z.strictObject({
    /** SHA-256 of the transfer's encoding. */
    transfer: hash,
    payer: nodeKey,
    payee: nodeKey,
    code: errorCodeField,
    at: timestamp,
  }),
  maxBytes: 256,
})

/**
 * What of the earnings with a genome goes to its lineage, as its author says: to itself, the generation 0, and its ancestors.
 * Parts of a million, so that sums are exact.
 */
export const ROYALTY_TERMS = defineObject({
  name: 'royalty terms',
  schema: z.strictObject({
    genome: hash,
    author: nodeKey,
    /** To the whole lineage together; the rest stays with who gave the answer. */
    sharePpm: integer(0, 1_000_000),
    /** What a generation of ancestors gets of what the one after it got. */
    decayPpm: integer(0, 1_000_000),
    /** Generations of ancestors that take part. */
    depth: integer(0, 64),
    at: timestamp,
  }),
  maxBytes: 256,
})

/** Who gets what for one period; a pure function of receipts, lineage and terms. */
export const ROYALTY_STATEMENT = defineObject({
  name: 'royalty statement',
  schema: z.strictObject({
    payer: nodeKey,
    period: PERIOD,
    /** SHA-256 over the receipts' hashes, in ascending order. */
    receipts: hash,
    /** The genomes that were used, in ascending order: by which terms (SHA-256; null for the usual ones) and how much. */
    pools: list(z.strictObject({ genome: hash, terms: z.nullable(hash), amount: cen }), MAX_POOLS),
    /** Of all pools, and of all shares. */
    total: cen,
    /** By genome, in ascending order. The author is null where the payer has no manifest: that share waits for it. */
    shares: list(z.strictObject({ genome: hash, author: z.nullable(nodeKey), amount: cen }), MAX_SHARES),
  }),
  maxBytes: 64 * 1024,
})

/** “This does not add up.” */
export const LEDGER_DISPUTE = defineObject({
  name: 'ledger dispute',
  schema: z.strictObject({
    claimant: nodeKey,
    against: nodeKey,
    /** SHA-256 of the transfer, receipt, grant or statement in question. */
    subject: hash,
    code: errorCodeField,
    /** Encoded objects that show it, as the code prescribes. */
    evidence: byteString(MAX_EVIDENCE),
    message: text(256),
    at: timestamp,
  }),
  maxBytes: MAX_EVIDENCE + 2048,
})

const CREDIT_LINE = definePeerMessage({
  family: 'ledger',
  index: 0,
  name: 'LEDGER_CREDIT_LINE',
  summary: 'The sender lets a node owe it so much: all that it can ever lose to that node.',
  body: z.strictObject({ grant: objectField(CREDIT_GRANT), signature }),
  maxBody: 512,
  rate: 'control',
})

const PROPOSE = definePeerMessage({
  family: 'ledger',
  index: 1,
  name: 'LEDGER_PROPOSE',
  summary: 'A transfer, signed by its payer.',
  body: z.strictObject({ transfer: objectField(TRANSFER), payer: signature }),
  maxBody: 768,
  rate: 'control',
})

const COSIGN = definePeerMessage({
  family: 'ledger',
  index: 2,
  name: 'LEDGER_COSIGN',
  summary: 'The payee’s signature under a transfer, which makes it count.',
  body: z.strictObject({
    /** SHA-256 of its encoding. */
    transfer: hash,
    payee: signature,
  }),
  maxBody: 192,
  rate: 'control',
})

const ABORT = definePeerMessage({
  family: 'ledger',
  index: 3,
  name: 'LEDGER_ABORT',
  summary:
    'The payee will never sign a transfer, and why; once its payer wrote that down, a COSIGN of it does not count.',
  body: z.strictObject({ abort: objectField(TRANSFER_ABORT), payee: signature, message: reason }),
  maxBody: 2048,
  rate: 'control',
})

const ROYALTY_RULE = definePeerMessage({
  family: 'ledger',
  index: 4,
  name: 'LEDGER_ROYALTY_RULE',
  summary: 'How a genome’s earnings go to its ancestors, signed by its author.',
  body: z.strictObject({ terms: objectField(ROYALTY_TERMS), signature }),
  maxBody: 512,
  rate: 'control',
})

const USAGE = definePeerMessage({
  family: 'ledger',
  index: 5,
  name: 'LEDGER_USAGE',
  summary: 'Co-signed receipts of one period, page by page.',
  body: z.strictObject({
    period: PERIOD,
    page: u32,
    receipts: list(z.strictObject({ receipt: objectField(USAGE_RECEIPT), server: signature, asker: signature }), 64),
    more: z.boolean(),
  }),
  maxBody: 96 * 1024,
  large: 'A page of 64 receipts with both signatures of each.',
  rate: 'control',
})

const ROYALTY = definePeerMessage({
  family: 'ledger',
  index: 6,
  name: 'LEDGER_ROYALTY',
  summary:
    'The shares computed for one period, signed by who pays them; anyone with the receipts can compute them again.',
  body: z.strictObject({ statement: objectField(ROYALTY_STATEMENT), signature }),
  maxBody: 65 * 1024,
  large: 'The 384 shares of one signed statement, which is whole or nothing.',
  rate: 'control',
})

const DISPUTE = definePeerMessage({
  family: 'ledger',
  index: 7,
  name: 'LEDGER_DISPUTE',
  summary: 'Objects to an entry, with evidence, signed by who objects.',
  body: z.strictObject({ dispute: objectField(LEDGER_DISPUTE), signature }),
  maxBody: MAX_EVIDENCE + 4096,
  rate: 'control',
})

export const LEDGER_MESSAGES = [CREDIT_LINE, PROPOSE, COSIGN, ABORT, ROYALTY_RULE, USAGE, ROYALTY, DISPUTE] as const
