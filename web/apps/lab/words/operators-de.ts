// German words for merge operators and their parameters, which the operators themselves name in English.

/** Titles of merge operators that are no names, by operator. */
export const OPERATOR_TITLES_DE: Readonly<Record<string, string>> = {
  linear: 'Linear (Modellsuppe)',
  task_arithmetic: 'Aufgabenarithmetik',
  karcher: 'Karcher-Mittel',
  dare_linear: 'DARE, linear',
  dare_ties: 'DARE mit der Einigung von TIES',
  della_linear: 'DELLA, linear',
  breadcrumbs_ties: 'Model Breadcrumbs mit der Einigung von TIES',
  passthrough: 'Durchreichen',
  lora_linear: 'A und B getrennt gemittelt (ungenau)',
  lora_stack: 'Gestapelte Adapter (exakt)',
  lora_svd: 'Gemittelte Adapter, auf einen Rang gestutzt',
}

/** By what an operator says a parameter means. */
export const MEANINGS_DE: Readonly<Record<string, string>> = {
  '0 gives the base, 1 the other parent': '0 gibt die Basis, 1 das andere Elternteil',
  'a change up to this magnitude counts as none': 'eine Änderung bis zu dieser Größe zählt als keine',
  'added to lengths': 'wird zu Längen addiert',
  'after dropping elements, scale the rest up to the sum of magnitudes before':
    'nach dem Weglassen den Rest auf die Summe der Beträge von vorher strecken',
  'bound of that ratio': 'Grenze dieses Verhältnisses',
  'divide by the sum of weights': 'durch die Summe der Gewichte teilen',
  'divide by the sum of weights; false gives the sum that PEFT makes':
    'durch die Summe der Gewichte teilen; ohne das ist es die Summe, die PEFT bildet',
  'divide the weights by their sum': 'die Gewichte durch ihre Summe teilen',
  'factor of every element': 'Faktor jedes Elements',
  'factor of the merged task vector': 'Faktor des verschmolzenen Aufgabenvektors',
  'factor of the parent’s task vector': 'Faktor des Aufgabenvektors dieses Elternteils',
  'find the place for every row by itself': 'den Ort für jede Zeile einzeln bestimmen',
  'gain per ratio of shared to own': 'Verstärkung je Verhältnis von Gemeinsamem zu Eigenem',
  'how mergekit stores a mask between steps; no effect here, nor on its result':
    'wie mergekit eine Maske zwischen Schritten ablegt; hier und beim Ergebnis ohne Wirkung',
  'most steps': 'höchstens so viele Schritte',
  'pull of the parent along the arc': 'Zug des Elternteils entlang des Bogens',
  'share of the adapter': 'Anteil des Adapters',
  'share of the elements with the highest variance over parents that is merged':
    'Anteil der Elemente mit der größten Streuung über die Eltern, der verschmolzen wird',
  'share of the largest changes that is dropped': 'Anteil der größten Änderungen, der wegfällt',
  'share of the parent': 'Anteil des Elternteils',
  'share of the task vector’s elements that is kept': 'Anteil der Elemente des Aufgabenvektors, der bleibt',
  'steps and lengths below it count as none': 'Schritte und Längen darunter zählen als keine',
  'take the whole tensor for one vector': 'den ganzen Tensor als einen Vektor nehmen',
  'the distance up to which the other parent’s value is taken whole':
    'der Abstand, bis zu dem der Wert des anderen Elternteils ganz genommen wird',
  'the probability of being kept runs from density − epsilon to density + epsilon within a row':
    'wie wahrscheinlich ein Element bleibt, läuft in einer Zeile von density − epsilon bis density + epsilon',
  'without flatten: vectors run along the first axis instead of the last':
    'ohne flatten: Vektoren laufen entlang der ersten Achse statt der letzten',
}
