// Lint rules: typescript-eslint's strict, typed set, and the project's own bans.

import tseslint from 'typescript-eslint'

const BANS = [
  { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
  { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that owns the name.' },
  { selector: 'TSModuleDeclaration[kind="namespace"]', message: 'Use a module.' },
]
const NO_DEFAULT_EXPORT = { selector: 'ExportDefaultDeclaration', message: 'Name what is exported.' }
const pure = (what) => `Pure code gets ${what} as a parameter.`

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'bench-results/', 'test/vectors/', '.cache/', '**/*.d.ts'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        // One program for all environments: five would each check what they share once more.
        project: 'tsconfig.lint.json',
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      'no-restricted-syntax': ['error', ...BANS, NO_DEFAULT_EXPORT],
      eqeqeq: 'error',
      'no-console': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Numbers in messages are the normal case.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // `() => list.push(x)` reads well where the value is not used.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // With noUncheckedIndexedAccess a check can look needless to the rule and still guard bad input.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // An interface's async method may have nothing to wait for in one implementation.
      '@typescript-eslint/require-await': 'off',
      // `!` marks an index that the code around it proves; optional chains there would hide a defect.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // There are no enums to be unsafe with, and these two rules are the dearest.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      '@typescript-eslint/no-unsafe-enum-comparison': 'off',
      // Factories close over their state: their methods have no `this` to lose.
      '@typescript-eslint/unbound-method': 'off',
      // An abort signal's reason is thrown as it was given.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingAny: true, allowThrowingUnknown: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['worker/core/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { name: 'Date', message: pure('the time') },
        { name: 'performance', message: pure('the time') },
        { name: 'setTimeout', message: pure('a clock') },
        { name: 'crypto', message: pure('what it needs of WebCrypto') },
        { name: 'fetch', message: pure('a byte source') },
      ],
    },
  },
  {
    files: ['worker/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Randomness enters as a parameter.' },
        { object: 'Date', property: 'now', message: 'The clock enters as a parameter.' },
      ],
    },
  },
  {
    // Assertions on parsed answers and mocks are loosely typed by nature.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['**/index.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...BANS,
        NO_DEFAULT_EXPORT,
        { selector: 'ExportNamedDeclaration[source]', message: 'No barrels: import from the file that owns the name.' },
      ],
    },
  },
  {
    // Tools ask for a default export in their configuration.
    files: ['*.config.ts'],
    rules: { 'no-restricted-syntax': ['error', ...BANS] },
  },
)
