// docs/protocol.md, written from the registry.

import { HEADER_BYTES, PROTOCOL_VERSION } from '#core/protocol/frame.ts'
import {
  FAMILIES,
  typeByte,
  type MessageDefinition,
  type RateClass,
  type SessionState,
} from '#core/protocol/message.ts'
import { RATES } from '#core/protocol/rates.ts'
import { MESSAGES, OBJECTS } from '#core/protocol/registry.ts'
import { REPLAY_WINDOW } from '#core/protocol/replay-window.ts'
import type { ProductUses } from './product-uses.ts'
import { describeSchema, fieldsOf, isOptional } from './schema-tools.ts'

const WHAT = {
  session: 'Two nodes prove who they are, stay in touch and part.',
  stream: 'Bytes of any length, in order, at the pace the receiver grants, and resumable on another link.',
  signal:
    'Between a node and the signalling server and, passed on by it unread, between two nodes that are about to connect.',
  peer: 'What nodes tell each other about themselves and about the others they know.',
  gossip: 'News for everyone who cares, over a mesh of a few neighbours a topic.',
  content: 'Models and genomes as trees of chunks, fetched from several nodes at once and verified chunk by chunk.',
  infer: 'One node asks another for an answer and receives its tokens as they are made.',
  pipe: 'One model over several nodes: plans, KV sessions, and each step’s hidden state.',
  genome: 'Adapters are announced, found, merged by recipes that others can recompute, and evaluated.',
  gate: 'What nodes tell each other of genomes they judged: evidence and warnings, never a reason to skip one’s own gate.',
  ledger: 'Whole CEN between two nodes that grant each other credit, and shares for the lineage of what was used.',
  proof:
    'Signed, hash-linked logs, how two nodes come to hold the same of them, and how one that tells two stories is found out.',
} satisfies Record<(typeof FAMILIES)[number], string>

const TAILS = { none: '–', f32: 'f32', 'u32-f32': 'u32, f32', bytes: 'bytes' }

const LINK_STATES: readonly SessionState[] = ['greeting', 'proving', 'open']

function size(bytes: number): string {
  if (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MiB`
  return bytes >= 1024 && bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} B`
}

function ends(message: MessageDefinition): string {
  switch (message.direction) {
    case 'initiator':
      return 'initiator → responder'
    case 'responder':
      return 'responder → initiator'
    case 'to-server':
      return 'node → server'
    case 'from-server':
      return 'server → node'
    case 'any': {
      if (message.states.includes('relayed')) return 'node → server → node'
      const link = message.states.some((state) => LINK_STATES.includes(state))
      const server = message.states.some((state) => !LINK_STATES.includes(state))
      return [...(link ? ['node ↔ node'] : []), ...(server ? ['node ↔ server'] : [])].join(', ')
    }
  }
}

const fields = (schema: MessageDefinition['body']) =>
  fieldsOf(schema)
    .map(([key, field]) => `\`${key}\`${isOptional(field) ? '?' : ''} ${describeSchema(field)}`)
    .join('<br>')

function row(message: MessageDefinition, uses: ProductUses): string {
  const sent = uses.sent.has(message.name)
  const handled = uses.handled.has(message.name)
  const today = sent && handled ? 'yes' : sent ? 'sent only' : handled ? 'handled only' : '`NOT_OFFERED`'
  const tail = message.tail === 'none' ? TAILS.none : `${TAILS[message.tail]} ≤ ${size(message.maxTail)}`
  return `| ${[
    typeByte(message),
    `\`${message.name}\``,
    message.large === undefined ? message.summary : `${message.summary}<br>*Size:* ${message.large}`,
    ends(message),
    message.states.join(', '),
    fields(message.body),
    `≤ ${size(message.maxBody)}`,
    tail,
    message.rate,
    today,
  ].join(' | ')} |`
}

export function writeProtocolPage(uses: ProductUses): string {
  const lines = [
    '# The wire protocol',
    '',
    `<!-- Written by \`npx tsx test/vectors/protocol/make.ts\` from \`worker/core/protocol\`. Do not edit: change the declarations. -->`,
    '',
    `Version ${PROTOCOL_VERSION}. ${MESSAGES.length} messages, ${FAMILIES.length} families of eight. A message is one declaration in`,
    '`worker/core/protocol/messages/<family>.ts`; the registry, the codec, the type of its handler, the tests and this page follow',
    'from it. [How nodes meet](architecture.md#how-nodes-meet) shows the first of them at work.',
    '',
    '## Frame',
    '',
    '| bytes | what |',
    '|---|---|',
    '| 0–3 | `CTRM` |',
    `| 4 | version, ${PROTOCOL_VERSION} |`,
    '| 5 | type: family × 8 + index |',
    '| 6–7 | flags, zero |',
    '| 8–11 | length of the body |',
    '| 12–15 | length of the tail |',
    '| 16–31 | session id |',
    '| 32–39 | sequence |',
    `| ${HEADER_BYTES}– | body, deterministic CBOR (RFC 8949 §4.2.1) |`,
    '| … | zeros up to a multiple of 8, then the tail as it is, so that a typed array can view it where it lies |',
    '| last 64 | Ed25519 signature over `centram signed frame v1\\n` and everything before it, as sent |',
    '',
    'Integers are little-endian. A frame larger than its channel’s messages travels in fragments (`worker/net/framing.ts`), the caps',
    'checked by the first. Frames of the rate class bulk are numbered on their own, so that all others may pass them, also between two',
    'of their fragments ([streams and lanes](links.md#streams-and-lanes)).',
    '',
    '## Rules',
    '',
    '- **The header first.** Type, version, flags and both lengths are checked against the type’s caps before anything is allocated.',
    '- **Then session, state, side, number, rate.** A frame of another session, one that is not legal now or not from that side, one',
    '  that came before, or one too many is refused before its signature is looked at. In a session over one connection the next number',
    `  of each priority is known exactly; in one over several, a window of ${REPLAY_WINDOW.toLocaleString('en')} decides.`,
    '- **Then the signature,** strictly: small-order keys, encodings that are not canonical and S beyond the group order are refused',
    '  by either verifier. The session id is the hash of a greeting that names both keys, both nonces and both DTLS certificates, so',
    '  a frame counts between these two nodes and in this session only. A frame that is sent back to its sender has the wrong key.',
    '- **Then the body.** A body has one encoding: decode then encode is the identity. Trailing bytes, duplicate or unordered keys,',
    '  indefinite lengths, tags, nesting beyond 8 and lengths that nothing follows are refused. No field is without a bound.',
    '- **A refusal has a code.** Whoever breaks these rules is told by `SESSION_ERROR` and put out. What a node does not offer is',
    '  answered with the code `NOT_OFFERED` and the type byte, 20 times a second in the long run, and the link goes on.',
    '',
    '| state | where |',
    '|---|---|',
    '| greeting | a link before HELLO_ACK |',
    '| proving | a link until both AUTHs came |',
    '| open | a link between two nodes that proved who they are |',
    '| challenged | a connection to the server before REGISTER |',
    '| registered | a connection to the server after it |',
    '| relayed | inside the latter, signed from node to node |',
    '',
    '| rate class | a second | at once |',
    '|---|---|---|',
    ...(Object.entries(RATES) as [RateClass, (typeof RATES)[RateClass]][]).map(
      ([name, { perSecond, burst }]) =>
        `| ${name} | ${perSecond.toLocaleString('en')} | ${burst.toLocaleString('en')} |`,
    ),
    '',
    '## Messages',
    '',
    'In the columns of fields, `?` may be missing, *slanted* names an [object](#objects), lengths of text count UTF-16 units. The',
    'last column says whether the product sends and handles the message today, as its sources show; `npm run test:long` has tabs and a',
    'server do it in a day of a room, and prints who sent and who handled each (`test/long/every-message.test.ts`).',
  ]
  for (const [index, family] of FAMILIES.entries()) {
    lines.push(
      '',
      `### ${index} · ${family}`,
      '',
      WHAT[family],
      '',
      '| type | message | meaning | who | states | body | body’s cap | tail | rate | today |',
      '|---|---|---|---|---|---|---|---|---|---|',
      ...MESSAGES.filter((message) => message.family === family).map((message) => row(message, uses)),
    )
  }
  lines.push(
    '',
    '## Objects',
    '',
    'What outlives the frame that brought it is a byte string inside the body: deterministic CBOR, named by its SHA-256, signed over',
    '`centram object <name> v1\\n` and its bytes as they came (`signed-object.ts`). It can be kept, passed on and shown to others.',
    '',
    '| object | fields | cap |',
    '|---|---|---|',
    ...OBJECTS.map(({ name, schema, maxBytes }) => `| ${name} | ${fields(schema)} | ${size(maxBytes)} |`),
    '',
    '## Keys that change',
    '',
    'A rotation is signed by the old key and by the new one; a revocation by the key itself or by one that follows it',
    '(`key-history.ts`). A rotated or revoked key begins no session. What contradicts itself counts for nobody: two successors of one',
    'key end the identity, unless a revocation names the one that goes on. Who has stolen a key can sign whatever its owner can; the',
    'owner can only make sure that it is worth nothing.',
    '',
  )
  return lines.join('\n')
}
