// The ten layers, in their order. To add one: docs/add-a-gate-layer.md.

import { admission } from '#core/gate/admission.ts'
import { behaviour } from '#core/gate/behaviour.ts'
import { fitness } from '#core/gate/fitness.ts'
import { format } from '#core/gate/format.ts'
import { freshness } from '#core/gate/freshness.ts'
import { identity } from '#core/gate/identity.ts'
import { integrity } from '#core/gate/integrity.ts'
import type { GateLayer } from '#core/gate/layer.ts'
import { lineage } from '#core/gate/lineage.ts'
import { privacy } from '#core/gate/privacy.ts'
import { statistics } from '#core/gate/statistics.ts'

export const GATE_LAYERS: readonly GateLayer[] = [
  admission,
  identity,
  freshness,
  integrity,
  format,
  lineage,
  privacy,
  statistics,
  behaviour,
  fitness,
]
