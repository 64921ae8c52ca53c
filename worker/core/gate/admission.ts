// Layer 1: is it of a size and a kind that may come in at all, from somebody who has not sent too much and is not known for
// nonsense? Costs nothing, so that a flood costs nothing either.

import { CONTENT_MANIFEST } from '#core/protocol/messages/content.ts'
import { readObject } from '#core/protocol/signed-object.ts'
import {
  passed,
  notRun,
  refused,
  type Arrival,
  type Finding,
  type GateContext,
  type GateKeys,
  type GateLayer,
  type Sender,
} from '#core/gate/layer.ts'
import { charge, isWithin, type QuotaRecord } from '#core/gate/quota.ts'
import { MAX_MANIFEST_BYTES } from '#core/genome/manifest.ts'
import { ADAPTER_WEIGHTS_FILE } from '#core/genome/peft-config.ts'
import { GENOME_FILE } from '#core/genome/signed-genome.ts'

/** A signature and CBOR around it. */
const SIGNATURE_ROOM = 256
/** A file that holds nothing: the length of its directory, and braces. */
const LEAST_BYTES = 10

type AdmissionContext = Pick<GateContext, 'now' | 'rules' | 'records' | 'keys' | 'scoreOf'>

export const admission: GateLayer = {
  name: 'admission',

  judge(candidate, context) {
    const { sender } = candidate
    const bytes = bytesOf(candidate)
    if (bytes > context.rules.maxBytes || (candidate.manifest?.length ?? 0) > MAX_MANIFEST_BYTES + SIGNATURE_ROOM) {
      return tooLarge(bytes, context)
    }
    const problem = kindProblem(candidate)
    if (problem !== null) return refused('WRONG_TYPE', problem)
    if (sender === null)
      return notRun('NO_SENDER', 'It came as a file: there is no sender whose quota or score counts.')
    if (candidate.again)
      return passed('A person here wants it judged again, which costs its sender nothing.', { bytes })
    return admit(sender, bytes, context)
  },

  remember({ sender, again, ...arrival }, { records, keys, now, rules }) {
    if (sender === null || again) return {}
    const { windowMs } = rules.quota
    const bytes = bytesOf(arrival)
    const { keys: byKey, addresses } = records.quota
    return {
      quota: {
        keys: charge(byKey, quotaName(sender.key, records.quota, keys), bytes, now(), windowMs),
        addresses: sender.address === null ? addresses : charge(addresses, sender.address, bytes, now(), windowMs),
      },
    }
  },
}

function admit(sender: Sender, bytes: number, context: AdmissionContext): Finding {
  const { rules, records, keys, now, scoreOf } = context
  const { perKey, perAddress, windowMs } = rules.quota
  if (bytes > rules.maxBytes) return tooLarge(bytes, context)
  const score = scoreOf(sender.key)
  if (score < rules.leastScore) {
    return refused('LOW_SCORE', 'Its sender has misbehaved too often of late to be listened to.', {
      figures: { score },
    })
  }
  const name = quotaName(sender.key, records.quota, keys)
  if (!isWithin(records.quota.keys, name, bytes, perKey, now(), windowMs)) {
    return refused('QUOTA_OF_KEY', 'Its sender has sent as much as one node may in an hour. Later it may send again.')
  }
  const { address } = sender
  if (address !== null && !isWithin(records.quota.addresses, address, bytes, perAddress, now(), windowMs)) {
    return refused('QUOTA_OF_ADDRESS', 'As much as may come from one network in an hour has come from there already.')
  }
  return passed('Its size, its kind and its sender are in order.', { bytes, score })
}

const bytesOf = ({ tensors, manifest }: Pick<Arrival, 'tensors' | 'manifest'>) =>
  tensors.length + (manifest?.length ?? 0)

function tooLarge(bytes: number, { rules }: Pick<GateContext, 'rules'>): Finding {
  return refused('TOO_LARGE', `It has ${bytes} bytes; ${rules.maxBytes} are the most that is taken.`, {
    figures: { bytes },
  })
}

/** The name that an identity's spendings stand under, whichever of its keys it uses today. */
function quotaName(key: string, { keys: spendings }: QuotaRecord, keys: GateKeys): string {
  if (spendings.has(key)) return key
  for (const name of spendings.keys()) if (keys.isSame(name, key)) return name
  return key
}

function kindProblem({ sender, content, manifest, tensors }: Arrival): string | null {
  if (tensors.length < LEAST_BYTES) return 'It holds no tensors.'
  if (sender === null) return null
  if (content === null || manifest === null) return 'It came without its manifest, or without saying as which content.'
  try {
    const { kind, files } = readObject(CONTENT_MANIFEST, content.manifest)
    const [weights, signed] = files
    const isGenome =
      kind === 'genome' &&
      files.length === 2 &&
      weights?.path === ADAPTER_WEIGHTS_FILE &&
      signed?.path === GENOME_FILE &&
      weights.bytes === tensors.length &&
      signed.bytes === manifest.length
    return isGenome ? null : 'Its files are not those of a genome: a signed manifest and tensors, and nothing else.'
  } catch {
    return 'What says of which files it consists cannot be read.'
  }
}
