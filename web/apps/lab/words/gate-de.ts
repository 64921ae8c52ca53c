// German sentences for what the gate's layers find, by their codes; the English ones come with the findings and carry figures.

import type { GateCode, LayerName } from '../../../../worker/core/gate/layer.ts'

const PASSED: Readonly<Record<LayerName, string>> = {
  admission: 'Größe, Art und Absender sind in Ordnung.',
  identity: 'Sein Urheber hat es unterschrieben, mit einem Schlüssel, der gilt.',
  freshness: 'Es ist hier neu, und sein Urheber sagt nur eines davon.',
  integrity: 'Es sind genau die Bytes, die angekündigt und unterschrieben wurden.',
  format: 'Die Datei enthält einen Adapter dieses Grundmodells und sonst nichts, in endlichen Zahlen.',
  lineage: 'Seine Vorfahren sind bekannt, und es ist keine Kopie eines Genoms, das es nicht nennt.',
  privacy: 'Was es von privatem Training behauptet, stimmt mit sich überein, oder es behauptet nichts.',
  statistics: 'Es liegt unter den anderen Adaptern dieses Modells, soweit dieser Knoten welche kennt.',
  behaviour: 'Hineingemischt lässt es das Modell sich verhalten wie jetzt; kein Wort stimmt es um.',
  fitness: 'Es hilft dem Modell bei den Texten, für die es da ist, und schadet bei keinen anderen.',
}

const REASONS: Readonly<Record<Exclude<GateCode, 'PASSED' | 'INTERNAL'>, string>> = {
  NOT_REACHED: 'Eine Schicht davor hat es schon abgelehnt.',
  NO_SENDER: 'Es kam als Datei: Es gibt keinen Absender, der es angekündigt hätte.',
  NO_MANIFEST: 'Es hat kein unterschriebenes Manifest; was darin stünde, sagt niemand.',
  NO_CLAIM: 'Es nennt sein privates Training nicht genau genug, um es nachzurechnen.',
  NO_BASE_MODEL: 'Dieser Knoten hat das Grundmodell nicht, zu dem es passen soll.',
  NO_COHORT: 'Es gibt hier zu wenige andere Adapter dieses Modells, um zu sagen, was üblich ist.',
  NO_GPU: 'Dieser Knoten kann das Modell nicht rechnen; was das Genom daraus macht, weiß er nicht.',
  NO_PROBES: 'Dieser Knoten hat zu wenig Text oder Fragen, um es zu prüfen.',
  UNDECIDED: 'Ob es hilft oder schadet, lässt sich mit dem Text dieses Knotens nicht sicher sagen.',
  TOO_LARGE: 'Es ist größer, als ein Genom sein darf.',
  WRONG_TYPE: 'Es ist nicht von einer Art, die hier hereindarf.',
  QUOTA_OF_KEY: 'Sein Absender hat in letzter Zeit zu viel geschickt.',
  QUOTA_OF_ADDRESS: 'Aus dem Netz seines Absenders kam in letzter Zeit zu viel.',
  LOW_SCORE: 'Sein Absender hat sich schlecht benommen; von ihm wird nichts mehr angenommen.',
  MANIFEST_INVALID: 'Sein Manifest ist keines: Es lässt sich nicht lesen oder widerspricht sich.',
  SIGNATURE_INVALID: 'Die Unterschrift stimmt nicht: Es wurde verändert, oder jemand anderes hat unterschrieben.',
  AUTHOR_MISMATCH: 'Angekündigt hat es jemand anderes als der Urheber, der darin steht.',
  KEY_REVOKED: 'Der Schlüssel seines Urhebers wurde widerrufen.',
  FROM_THE_FUTURE: 'Es soll in der Zukunft entstanden sein.',
  BACK_IN_TIME: 'Es soll entstanden sein, bevor sein Urheber oder seine Eltern so weit waren.',
  REPLAYED: 'Es wurde hier schon einmal beurteilt.',
  EQUIVOCATION: 'Sein Urheber sagt zweierlei davon.',
  WITHDRAWN: 'Sein Urheber hat es zurückgezogen.',
  HEAD_MISMATCH: 'Was davon angekündigt wurde, ist nicht, was kam.',
  CONTENT_MISMATCH: 'Die Bytes sind nicht die, die angekündigt wurden.',
  TENSORS_MISMATCH: 'Die Tensoren sind nicht die, die der Urheber unterschrieben hat.',
  FORMAT_INVALID: 'Die Datei ist beschädigt oder trägt etwas, das nicht hineingehört.',
  FORMAT_UNSUPPORTED: 'Dieses Programm kann die Datei nicht lesen.',
  BASE_MISMATCH: 'Es ist für ein anderes Grundmodell.',
  SHAPE_MISMATCH: 'Seine Matrizen passen nicht zu denen des Grundmodells.',
  NOT_FINITE: 'Es enthält Werte, die keine endlichen Zahlen sind.',
  PARENT_UNKNOWN: 'Ein Genom, aus dem es gemacht sein soll, ist hier unbekannt.',
  TOO_MANY_PARENTS: 'Es nennt mehr Eltern, als ein Genom haben darf.',
  TOO_DEEP: 'Seine Abstammung reicht weiter zurück, als sie darf.',
  GENERATION_FALSE: 'Es gibt eine andere Generation an, als aus seinen Eltern folgt.',
  CYCLE: 'Es wäre sein eigener Vorfahr.',
  PARENT_UNFIT: 'Ein Elternteil passt nicht: anderes Grundmodell, oder jünger als das Kind.',
  NEAR_COPY: 'Es ist fast dasselbe wie ein anderes Genom, das es nicht nennt.',
  UNNAMED_PARENTS: 'Es ist aus Genomen gemischt, die es nicht nennt.',
  CLAIM_CONTRADICTS: 'Was es von privatem Training behauptet, widerspricht sich.',
  EPSILON_FALSE: 'Das behauptete ε folgt nicht aus den behaupteten Schritten.',
  CLIP_UNFIT: 'Die behauptete Begrenzung der Gradienten passt nicht zu seinen Werten.',
  BUDGET_SPENT: 'Das Privatheitsbudget seines Urhebers für diesen Text ist verbraucht.',
  BUDGET_RESET: 'Sein Urheber zählt ein verbrauchtes Privatheitsbudget neu von vorn.',
  NORM_OUTLIER: 'Es ändert das Modell viel stärker oder schwächer als andere.',
  SPECTRUM_OUTLIER: 'Seine Änderung hat eine ungewöhnliche Gestalt.',
  DIRECTION_OPPOSED: 'Es zieht das Modell dahin, wovon eigenes Training es wegführt.',
  CLONE: 'Es gleicht anderen Genomen so sehr, dass dieselbe Hand dahinter steht.',
  COHORT_OUTLIER: 'Es liegt weit ab von den anderen Adaptern dieses Modells.',
  TRIGGER_FOUND: 'Ein Wort wurde gefunden, auf das hin das Modell ganz anders antwortet.',
  BEHAVIOUR_DRIFT: 'Hineingemischt ließe es das Modell anderes sagen als jetzt.',
  REFUSAL_DRIFT: 'Hineingemischt ließe es das Modell auf das eingehen, was es ablehnen soll.',
  HARMFUL: 'Es schadet dem Modell bei Texten, die dieser Knoten hat.',
  USELESS: 'Es hilft dem Modell nicht bei dem, wofür es da sein soll.',
}

/** `message` where there is no sentence for the code. */
export function gateSentenceDe(layer: string, code: string, message: string): string {
  if (code === 'PASSED') return (PASSED as Readonly<Record<string, string>>)[layer] ?? message
  return (REASONS as Readonly<Record<string, string>>)[code] ?? message
}
