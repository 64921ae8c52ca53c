// The layers of docs/architecture.md ("who may import whom") as rules. `import type` counts as an import.

/** Folders of `worker/` that a layer may import besides itself and core. */
const WORKER_LAYERS = {
  gpu: [],
  storage: [],
  net: [],
  engines: [],
  model: ['gpu'],
  train: ['gpu', 'model'],
  hyperlink: ['model', 'net'],
  experiments: ['train', 'model'],
}

/** Small audited packages that pure code may use. */
const CORE_PACKAGES = [
  'cborg',
  '@noble/ed25519',
  '@noble/hashes',
  'zod',
  '@huggingface/tokenizers',
  '@huggingface/jinja',
]

const PROJECT = '^(worker|web|signaling-server|test|shaders)/'
const packages = (names) => `node_modules/(${names.join('|')})/`

const layerRules = Object.entries(WORKER_LAYERS).map(([layer, allowed]) => ({
  name: `layer-${layer}`,
  comment: `worker/${layer} imports ${['core', ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: `^worker/${layer}/` },
  to: {
    path: PROJECT,
    pathNot: [
      `^worker/(${[layer, 'core', ...allowed].join('|')})/`,
      ...(layer === 'gpu' || layer === 'train' ? ['^shaders/'] : []),
    ],
  },
}))

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      // Virtual modules of the build tool have no file.
      to: { couldNotResolve: true, pathNot: ['^virtual:', '\\?(worker|url|raw)'] },
    },
    {
      name: 'no-undeclared-packages',
      comment: 'a package that is used stands in package.json; what ships is no dev dependency',
      severity: 'error',
      // The pages of web/bench/jax and web/bench/links are built by `npm run bench` alone.
      from: { path: '^(worker|web|signaling-server)/', pathNot: '^web/bench/(jax|links)/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'core-is-pure',
      comment: 'worker/core imports itself only',
      severity: 'error',
      from: { path: '^worker/core/' },
      to: { path: PROJECT, pathNot: '^worker/core/' },
    },
    {
      name: 'core-packages',
      comment: 'worker/core uses small audited packages and nothing of Node.js',
      severity: 'error',
      from: { path: '^worker/core/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'core'], pathNot: packages(CORE_PACKAGES) },
    },
    ...layerRules,
    {
      name: 'surroundings-enter-as-parameters',
      comment: 'only a worker entry names the tab; the node is handed what it needs',
      severity: 'error',
      from: { path: '^worker/', pathNot: ['^worker/[^/]+\\.ts$', '^worker/tab/'] },
      to: { path: '^worker/(tab/|[^/]+\\.ts$)' },
    },
    {
      name: 'worker-stands-alone',
      comment: 'nothing in worker/ imports the page, the server or tests, nor anything of Node.js',
      severity: 'error',
      from: { path: '^worker/' },
      to: { path: '^(web|signaling-server|test)/' },
    },
    {
      name: 'worker-without-node-js',
      severity: 'error',
      from: { path: '^(worker|web)/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'web-imports-core-and-api-types',
      comment: 'web imports core and the types of worker/node/api.ts and the files beside it that it is made of',
      severity: 'error',
      from: { path: '^web/' },
      to: {
        path: PROJECT,
        pathNot: [
          '^web/',
          '^worker/core/',
          '^worker/node/((lab|sharing|gate|ledger|limits|wallet|door|engine|experiment)-)?api\\.ts$',
        ],
      },
    },
    {
      name: 'web-api-is-types-only',
      severity: 'error',
      from: { path: '^web/' },
      to: {
        path: '^worker/node/((lab|sharing|gate|ledger|limits|wallet|door|engine|experiment)-)?api\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'apps-stand-apart',
      comment: 'web/apps/x imports web/ui, web/node and core, never another app',
      severity: 'error',
      from: { path: '^web/apps/([^/]+)/' },
      to: { path: '^web/', pathNot: ['^web/apps/$1/', '^web/(ui|node)/'] },
    },
    {
      name: 'ui-and-host-below-apps',
      comment: 'web/ui and web/node know no app',
      severity: 'error',
      from: { path: '^web/(ui|node)/' },
      to: { path: '^web/', pathNot: '^web/(ui|node)/' },
    },
    {
      name: 'server-imports-core',
      comment: 'signaling-server imports worker/core; only headless/ the rest of worker/',
      severity: 'error',
      from: { path: '^signaling-server/', pathNot: '^signaling-server/headless/' },
      to: { path: PROJECT, pathNot: ['^signaling-server/', '^worker/core/'] },
    },
    {
      name: 'headless-imports-worker',
      severity: 'error',
      from: { path: '^signaling-server/headless/' },
      to: { path: PROJECT, pathNot: ['^signaling-server/', '^worker/'] },
    },
    {
      name: 'nobody-imports-tests',
      severity: 'error',
      from: { path: '^(worker|web|signaling-server)/' },
      to: { path: '^test/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|test/vectors)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json', '.d.ts'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'browser', 'default', 'node'],
    },
    skipAnalysisNotInRules: true,
  },
}
