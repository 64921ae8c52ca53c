// English words of merging, of the room's genomes, and of what arrives and is judged.

const many = (count: number, one: string, more = `${one}s`) => `${count} ${count === 1 ? one : more}`

export const exchangeEn = {
  merge: {
    tooFew: (count: number) =>
      `Two genomes of one base model are needed, and there ${count === 1 ? 'is one' : 'are none'}. Train or import ` +
      'another; then they can be merged into one here, by any of mergekit’s methods or by exact averaging.',
    pictureHere: 'A picture of what goes into what will stand here.',
    choose: (least: number, most: number) =>
      `Choose ${least === most ? many(least, 'genome') : `${least} or more genomes`}`,
    takes: (operator: string, most: number) => `${operator} takes ${most === 1 ? 'one' : most}`,
    oneEnd: '(one end)',
    otherEnd: '(other end)',
    swap: 'Swap the ends',
    operator: 'Operator',
    source: 'Source',
    origin: 'Origin',
    base: 'Base',
    noUpdate: 'no update at all',
    none: 'none',
    baseHint: 'changes are counted from it',
    rank: 'Rank',
    rankHint: 'of the result; left empty, as the operator has it',
    seed: 'Seed',
    seedHint: 'what it drops is drawn from it',
    name: 'Name',
    licence: 'Licence',
    licencesDiffer: 'the parents’ licences differ: mind them all',
    uncapped: 'Let genomes of others count in full',
    uncappedHint: 'Otherwise one that came from another node makes up a quarter of the result at most.',
    merge: 'Merge',
    merging: 'Merging…',
    give: (name: string, meaning: string) => `Give ${name}: ${meaning}.`,
    checking: 'Checking that they fit…',
    modules: 'Modules',
    size: 'Size',
    mergeId: 'Merge id',
    copy: 'Copy',
    same: (random: boolean) =>
      `Nothing is trained. Whoever has the same genomes and settings${random ? ' and the seed' : ''} gets the same result, and ` +
      'the same merge id.',
    progress: (name: string, operator: string) => `Merging ${name} by ${operator}`,
    done: (name: string) => `${name} stands among the genomes now.`,
    otherBase: (name: string) => `of another base model: ${name}`,
    otherLinears: (name: string) => `changes other linears than ${name}`,
    parent: 'Parent',
    parameterOf: (parameter: string, name: string) => `${parameter} of ${name}`,
    needed: '; needed',
    from: (least: number) => `, from ${least} on`,
    upTo: (most: number) => `, up to ${most}`,
    between: (least: number, most: number) => `, ${least} to ${most}`,
    averages: 'Averages of adapters',
    asInMergekit: 'As in mergekit',
    notes: {
      linear:
        'Averaging A and B apart is not the average of the adapters: the product of two averages also holds every B with ' +
        'every other A, and an adapter averaged so with itself comes out doubled. It is here because PEFT has it. Stacking and ' +
        'SVD average the updates themselves.',
      stack: 'Exact: the average of the updates ΔW themselves. The ranks add up.',
      svd:
        'The average of the updates ΔW themselves, cut back to a rank; nothing of that rank is nearer. Exact from the sum of ' +
        'the parents’ ranks on.',
      weighted: 'A weighted sum of the updates ΔW. Exact, with the ranks added up, unless you ask for a lower rank.',
      cutBack:
        'Works on every element of ΔW by itself. What comes out has no low rank any more and is cut back to one, which can ' +
        'lose much of it: judge the result by what it does.',
    },
    rankOf: (rank: number) => `rank ${rank}`,
    ends: { one: 'one end, ', other: 'the other end, ', origin: 'origin, ' },
    theResult: 'the result',
    made: { train: 'trained', import: 'imported', merge: 'merged' },
    notHere: 'not here any more',
    picture: (inputs: string, operator: string, result: string) => `${inputs} through ${operator} into ${result}`,
  },
  room: {
    alone:
      'Nobody to exchange with yet. Open a room, or join one by its invite link, and what others share stands here.',
    none: 'Nobody in this room shares a genome yet. Yours stand in the lists of the others once you share them.',
    ask: (model: string) => `Ask all nodes for genomes of ${model}`,
    by: (author: string, id: string, base: string) => `by ${author} (${id}), for ${base}`,
    inQuarantine: 'in quarantine, among the arrivals',
    amongYours: 'among your genomes',
    fetch: 'Fetch',
    fetchOf: (name: string) => `Fetch ${name}`,
    fetching: 'Fetching…',
    judge: (name: string) => `Ask ${name} to judge it`,
    claims: (before: string | null, loss: string, domain: string) =>
      `claims loss ${before === null ? '' : `${before} → `}${loss} on ${domain}`,
    thisNode: 'This node',
    measured: (who: string, delta: string, domain: string, low: string, high: string, probes: number) =>
      `${who} measured ${delta} nats a token on ${domain} (95 %: ${low} to ${high}, ${many(probes, 'probe')})`,
    help: 'Help others',
    merges: 'Carry out merges that others ask for',
    mergesHint:
      'Of genomes that both of you have. The result is shared; the one who asked computes it too and compares the bits.',
    judging: (domain: string, size: string) =>
      `Others may have genomes judged on your text about ${domain} (${size}). They learn the change of loss, never the text.`,
    judgeNoLonger: 'Judge no longer',
    offer:
      'Judge genomes for others: choose a text that you did not train on. It stays on this device; others learn how much a ' +
      'genome changes the loss on it, and how sure that is.',
    about: 'What the text is about',
    aboutExample: 'letters',
    text: 'Text to judge by',
    drop: 'Drop a text, or choose one',
    judgeForOthers: 'Judge for others',
  },
  arrivals: {
    none:
      'Nothing yet. What you fetch from others comes here first: in quarantine, judged by ten layers of a gate, and neither ' +
      'switched on nor merged before you allow it.',
    use: 'Use it',
    useAllTheSame: 'Use it all the same',
    useOf: (name: string) => `Use ${name}`,
    back: 'Back in quarantine',
    backOf: (name: string) => `Put ${name} back in quarantine`,
    verdict: 'Verdict',
    verdictOn: (name: string) => `Verdict on ${name}`,
    less: 'Less',
    again: 'Judge again',
    againOf: (name: string) => `Judge ${name} again`,
    remove: 'Remove',
    removeQuestion: 'Remove it for good?',
    keepIt: 'Keep it',
    others: 'What other nodes’ gates say',
    noOthers: 'None of the nodes in this room has told of a verdict on it.',
    author: 'Author',
    genome: 'genome',
    lookAgain: (name: string) => `Ask ${name} to look again`,
    lookAgainAt: (layer: string) => `Ask to look again at ${layer}`,
    held: 'in quarantine',
    inUse: 'in use',
    byRule: 'in use, by your rule',
    byYou: 'in use, allowed by you',
    mergedHere: 'merged here',
    by: (author: string, id: string) => `by ${author} (${id})`,
    thisNode: 'this node',
    forBase: (made: string, base: string) => `${made}, for ${base}`,
    noName: 'a model without a name',
    judging: 'The gate is judging it…',
    notJudged: 'The gate has not judged it yet.',
    refused: (layer: string, message: string) => `Refused by ${layer}: ${message}`,
    allPassed: 'All ten layers passed it.',
    somePassed: (passed: number, left: number) => `${passed} layers passed it, ${left} could not be run here.`,
    didNotRefuse: (passed: number) => `did not refuse it; ${many(passed, 'layer')} passed it`,
    didRefuse: (layer: string, code: string) => `refused it: ${layer} (${code})`,
    disputes: (who: string, layer: string, reply: string) => `${who} disputes what it says of ${layer}${reply}.`,
    someNode: 'This node',
    replies: {
      stands: '; the judge looked again and stands by it',
      replaced: '; the judge looked again and replaced it',
      cannot: '; the judge could not look again',
    },
    lineage: (who: string, parent: string, cosine: string, checked: string) =>
      `${who} says that it comes from genome ${parent} without naming it (cosine ${cosine}). ${checked}`,
    cannotTell: 'This node does not have both, and cannot tell.',
    sameFound: 'This node measured the same.',
    notFound: 'This node did not find that.',
  },
  rules: {
    title: 'Rules for what arrives',
    accept: 'A genome that no layer refused',
    ask: 'waits until I allow it',
    unrefused: 'may be used at once',
    askHint: 'It stays in quarantine until then.',
    unrefusedHint: 'Layers that could not be run here do not count against it. It is not switched on by itself.',
    fetchFor: 'Fetch and judge by itself what is announced for',
    note:
      'The last two layers try a genome on the text under “Help others”, which never leaves this device. Without such a text ' +
      'they are not run.',
  },
  layers: {
    admission: 'Admission',
    identity: 'Identity',
    freshness: 'Freshness',
    integrity: 'Integrity',
    format: 'Format',
    lineage: 'Lineage',
    privacy: 'Privacy',
    statistics: 'Statistics',
    behaviour: 'Behaviour',
    fitness: 'Fitness',
  } as Readonly<Record<string, string>>,
  questions: {
    admission: 'Is it of a size and kind that may come in, from somebody who has not sent too much?',
    identity: 'Did its author sign it, with a key that counts?',
    freshness: 'Is it new, and does its author say one thing only?',
    integrity: 'Are these the bytes that were announced?',
    format: 'Is it an adapter that this program can read, for that model?',
    lineage: 'Are its parents known, and does it name all of them?',
    privacy: 'Does what is claimed of private training agree with itself?',
    statistics: 'Is it like other adapters of this model?',
    behaviour: 'Does the model still say what it said, once it is merged in?',
    fitness: 'Does it help on text that only this device has?',
  } as Readonly<Record<string, string>>,
  /** What a layer found; its own sentence is English. */
  finding: (_layer: string, _code: string, message: string) => message,
  /** Operators and their parameters name themselves in English. */
  operatorTitle: (_name: string, title: string) => title,
  parameterMeaning: (meaning: string) => meaning,
  outcomes: { passed: 'passed', refused: 'refused', 'not-run': 'not run' },
}
