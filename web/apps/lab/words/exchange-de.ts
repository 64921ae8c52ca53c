// German words of merging, of the room's genomes, and of what arrives and is judged.

import type { exchangeEn } from './exchange-en.ts'
import { gateSentenceDe } from './gate-de.ts'
import { MEANINGS_DE, OPERATOR_TITLES_DE } from './operators-de.ts'

const many = (count: number, one: string, more: string) => `${count} ${count === 1 ? one : more}`

export const exchangeDe: typeof exchangeEn = {
  merge: {
    tooFew: (count) =>
      `Es braucht zwei Genome eines Grundmodells, und es gibt ${count === 1 ? 'eines' : 'keines'}. Trainier oder importier ` +
      'ein weiteres; dann lassen sie sich hier zu einem verschmelzen, mit jeder Methode von mergekit oder durch exaktes Mitteln.',
    pictureHere: 'Ein Bild davon, was worin aufgeht, wird hier stehen.',
    choose: (least, most) => `Wähle ${least === most ? many(least, 'Genom', 'Genome') : `${least} oder mehr Genome`}`,
    takes: (operator, most) => `${operator} nimmt ${most === 1 ? 'eines' : most}`,
    oneEnd: '(ein Ende)',
    otherEnd: '(anderes Ende)',
    swap: 'Enden tauschen',
    operator: 'Operator',
    source: 'Quelle',
    origin: 'Ursprung',
    base: 'Basis',
    noUpdate: 'gar keine Änderung',
    none: 'keine',
    baseHint: 'Änderungen zählen von da an',
    rank: 'Rang',
    rankHint: 'des Ergebnisses; leer: wie der Operator ihn hat',
    seed: 'Startwert',
    seedHint: 'daraus wird gelost, was wegfällt',
    name: 'Name',
    licence: 'Lizenz',
    licencesDiffer: 'die Lizenzen der Eltern unterscheiden sich: achte auf alle',
    uncapped: 'Genome anderer voll zählen lassen',
    uncappedHint: 'Sonst macht eines, das von einem anderen Knoten kam, höchstens ein Viertel des Ergebnisses aus.',
    merge: 'Verschmelzen',
    merging: 'Verschmilzt…',
    give: (name, meaning) => `Gib ${name} an: ${meaning}.`,
    checking: 'Prüft, ob sie zusammenpassen…',
    modules: 'Module',
    size: 'Größe',
    mergeId: 'Kennung der Verschmelzung',
    copy: 'Kopieren',
    same: (random) =>
      `Nichts wird trainiert. Wer dieselben Genome und Einstellungen${random ? ' und den Startwert' : ''} hat, bekommt dasselbe ` +
      'Ergebnis und dieselbe Kennung.',
    progress: (name, operator) => `Verschmilzt ${name} durch ${operator}`,
    done: (name) => `${name} steht jetzt bei den Genomen.`,
    otherBase: (name) => `von einem anderen Grundmodell: ${name}`,
    otherLinears: (name) => `ändert andere Matrizen als ${name}`,
    parent: 'Elternteil',
    parameterOf: (parameter, name) => `${parameter} von ${name}`,
    needed: '; nötig',
    from: (least) => `, ab ${least}`,
    upTo: (most) => `, bis ${most}`,
    between: (least, most) => `, ${least} bis ${most}`,
    averages: 'Mittel von Adaptern',
    asInMergekit: 'Wie in mergekit',
    notes: {
      linear:
        'A und B getrennt zu mitteln ist nicht das Mittel der Adapter: Das Produkt zweier Mittel enthält auch jedes B mit jedem ' +
        'anderen A, und ein Adapter, so mit sich selbst gemittelt, kommt verdoppelt heraus. Es steht hier, weil PEFT es hat. ' +
        'Stapeln und SVD mitteln die Änderungen selbst.',
      stack: 'Exakt: das Mittel der Änderungen ΔW selbst. Die Ränge addieren sich.',
      svd:
        'Das Mittel der Änderungen ΔW selbst, auf einen Rang gestutzt; nichts von diesem Rang ist näher. Exakt ab der Summe der ' +
        'Ränge der Eltern.',
      weighted:
        'Eine gewichtete Summe der Änderungen ΔW. Exakt, mit addierten Rängen, wenn du keinen kleineren Rang verlangst.',
      cutBack:
        'Wirkt auf jedes Element von ΔW für sich. Was herauskommt, hat keinen kleinen Rang mehr und wird auf einen gestutzt, ' +
        'wobei viel verloren gehen kann: Beurteile das Ergebnis danach, was es tut.',
    },
    rankOf: (rank) => `Rang ${rank}`,
    ends: { one: 'ein Ende, ', other: 'das andere Ende, ', origin: 'Ursprung, ' },
    theResult: 'das Ergebnis',
    made: { train: 'trainiert', import: 'importiert', merge: 'verschmolzen' },
    notHere: 'nicht mehr hier',
    picture: (inputs, operator, result) => `${inputs} durch ${operator} in ${result}`,
  },
  room: {
    alone:
      'Noch niemand zum Tauschen da. Öffne einen Raum oder tritt einem über seinen Link bei, dann steht hier, was andere teilen.',
    none: 'Niemand in diesem Raum teilt bisher ein Genom. Deine stehen in den Listen der anderen, sobald du sie teilst.',
    ask: (model) => `Alle Knoten nach Genomen von ${model} fragen`,
    by: (author, id, base) => `von ${author} (${id}), für ${base}`,
    inQuarantine: 'in Quarantäne, bei den angekommenen',
    amongYours: 'bei deinen Genomen',
    fetch: 'Holen',
    fetchOf: (name) => `${name} holen`,
    fetching: 'Holt…',
    judge: (name) => `${name} bitten, es zu beurteilen`,
    claims: (before, loss, domain) => `behauptet Verlust ${before === null ? '' : `${before} → `}${loss} an ${domain}`,
    thisNode: 'Dieser Knoten',
    measured: (who, delta, domain, low, high, probes) =>
      `${who} maß ${delta} Nat je Token an ${domain} (95 %: ${low} bis ${high}, ${many(probes, 'Probe', 'Proben')})`,
    help: 'Anderen helfen',
    merges: 'Verschmelzungen ausführen, um die andere bitten',
    mergesHint:
      'Von Genomen, die ihr beide habt. Das Ergebnis wird geteilt; wer bat, rechnet es auch und vergleicht die Bits.',
    judging: (domain, size) =>
      `Andere dürfen Genome an deinem Text über ${domain} (${size}) beurteilen lassen. Sie erfahren die Änderung des Verlusts, ` +
      'nie den Text.',
    judgeNoLonger: 'Nicht mehr beurteilen',
    offer:
      'Beurteile Genome für andere: Wähle einen Text, an dem du nicht trainiert hast. Er bleibt auf diesem Gerät; andere ' +
      'erfahren, wie sehr ein Genom den Verlust daran ändert, und wie sicher das ist.',
    about: 'Wovon der Text handelt',
    aboutExample: 'Briefe',
    text: 'Text zum Beurteilen',
    drop: 'Leg einen Text ab, oder wähle einen',
    judgeForOthers: 'Für andere beurteilen',
  },
  arrivals: {
    none:
      'Noch nichts. Was du von anderen holst, kommt zuerst hierher: in Quarantäne, von zehn Schichten eines Tors beurteilt, und ' +
      'weder angeschaltet noch verschmolzen, bevor du es erlaubst.',
    use: 'Benutzen',
    useAllTheSame: 'Trotzdem benutzen',
    useOf: (name) => `${name} benutzen`,
    back: 'Zurück in Quarantäne',
    backOf: (name) => `${name} zurück in Quarantäne`,
    verdict: 'Urteil',
    verdictOn: (name) => `Urteil über ${name}`,
    less: 'Weniger',
    again: 'Neu beurteilen',
    againOf: (name) => `${name} neu beurteilen`,
    remove: 'Entfernen',
    removeQuestion: 'Endgültig entfernen?',
    keepIt: 'Behalten',
    others: 'Was die Tore anderer Knoten sagen',
    noOthers: 'Kein Knoten in diesem Raum hat von einem Urteil darüber berichtet.',
    author: 'Urheber',
    genome: 'Genom',
    lookAgain: (name) => `${name} bitten, noch einmal hinzusehen`,
    lookAgainAt: (layer) => `Bitten, noch einmal auf ${layer} zu sehen`,
    held: 'in Quarantäne',
    inUse: 'in Gebrauch',
    byRule: 'in Gebrauch, durch deine Regel',
    byYou: 'in Gebrauch, von dir erlaubt',
    mergedHere: 'hier verschmolzen',
    by: (author, id) => `von ${author} (${id})`,
    thisNode: 'diesem Knoten',
    forBase: (made, base) => `${made}, für ${base}`,
    noName: 'ein Modell ohne Namen',
    judging: 'Das Tor beurteilt es…',
    notJudged: 'Das Tor hat es noch nicht beurteilt.',
    refused: (layer, message) => `Abgelehnt von ${layer}: ${message}`,
    allPassed: 'Alle zehn Schichten ließen es durch.',
    somePassed: (passed, left) => `${passed} Schichten ließen es durch, ${left} konnten hier nicht prüfen.`,
    didNotRefuse: (passed) => `lehnte es nicht ab; ${many(passed, 'Schicht ließ', 'Schichten ließen')} es durch`,
    didRefuse: (layer, code) => `lehnte es ab: ${layer} (${code})`,
    disputes: (who, layer, reply) => `${who} bestreitet, was es über ${layer} sagt${reply}.`,
    someNode: 'Dieser Knoten',
    replies: {
      stands: '; der Richter sah noch einmal hin und bleibt dabei',
      replaced: '; der Richter sah noch einmal hin und ersetzte es',
      cannot: '; der Richter konnte nicht noch einmal hinsehen',
    },
    lineage: (who, parent, cosine, checked) =>
      `${who} sagt, es stamme von Genom ${parent}, ohne es zu nennen (Kosinus ${cosine}). ${checked}`,
    cannotTell: 'Dieser Knoten hat nicht beide und kann es nicht sagen.',
    sameFound: 'Dieser Knoten maß dasselbe.',
    notFound: 'Dieser Knoten fand das nicht.',
  },
  rules: {
    title: 'Regeln für das, was ankommt',
    accept: 'Ein Genom, das keine Schicht ablehnt,',
    ask: 'wartet, bis ich es erlaube',
    unrefused: 'darf gleich benutzt werden',
    askHint: 'Bis dahin bleibt es in Quarantäne.',
    unrefusedHint:
      'Schichten, die hier nicht prüfen konnten, zählen nicht dagegen. Es wird nicht von selbst angeschaltet.',
    fetchFor: 'Von selbst holen und beurteilen, was angekündigt wird für',
    note:
      'Die letzten zwei Schichten probieren ein Genom an dem Text unter „Anderen helfen“, der dieses Gerät nie verlässt. Ohne ' +
      'solchen Text prüfen sie nicht.',
  },
  layers: {
    admission: 'Einlass',
    identity: 'Identität',
    freshness: 'Frische',
    integrity: 'Unversehrtheit',
    format: 'Format',
    lineage: 'Abstammung',
    privacy: 'Privatheit',
    statistics: 'Statistik',
    behaviour: 'Verhalten',
    fitness: 'Tauglichkeit',
  },
  questions: {
    admission: 'Darf es nach Größe und Art herein, von jemandem, der nicht zu viel geschickt hat?',
    identity: 'Hat sein Urheber es unterschrieben, mit einem Schlüssel, der gilt?',
    freshness: 'Ist es neu, und sagt sein Urheber nur eines?',
    integrity: 'Sind das die Bytes, die angekündigt waren?',
    format: 'Ist es ein Adapter, den dieses Programm lesen kann, für dieses Modell?',
    lineage: 'Sind seine Eltern bekannt, und nennt es alle?',
    privacy: 'Passt zusammen, was über privates Training behauptet wird?',
    statistics: 'Ist es wie andere Adapter dieses Modells?',
    behaviour: 'Sagt das Modell noch, was es sagte, wenn es eingemischt ist?',
    fitness: 'Hilft es an Text, den nur dieses Gerät hat?',
  },
  finding: gateSentenceDe,
  operatorTitle: (name, title) => OPERATOR_TITLES_DE[name] ?? title,
  parameterMeaning: (meaning) => MEANINGS_DE[meaning] ?? meaning,
  outcomes: { passed: 'durch', refused: 'abgelehnt', 'not-run': 'nicht geprüft' },
}
