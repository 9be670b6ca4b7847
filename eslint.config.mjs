import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Who may import whom among the top-level folders (docs/design.md). `dev`, `test`, `bench` and `scripts` may import anything. */
const mayImport = {
  contract: [],
  workflows: ['contract'],
  activities: ['contract'],
  worker: ['contract', 'activities'],
  client: ['contract'],
  simulator: [],
};
const folders = [...Object.keys(mayImport), 'dev', 'test', 'bench', 'scripts'];

const importRules = Object.entries(mayImport).map(([folder, allowed]) => {
  const forbidden = folders.filter((other) => other !== folder && !allowed.includes(other));
  return {
    files: [`${folder}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: `^(\\.\\./)+(${forbidden.join('|')})(/|$)`,
              message: `${folder}/ may import only ${allowed.join(', ') || 'nothing of ours'} (docs/design.md, "Layout").`,
            },
            ...(folder === 'workflows' || folder === 'contract'
              ? [{ regex: '^node:|^(fs|path|os|crypto|child_process|http|net)$', message: 'Workflow code has no I/O.' }]
              : []),
            ...(folder === 'workflows'
              ? [
                  {
                    regex: '^(\\.\\./)+activities',
                    allowTypeImports: true,
                    message: 'Workflow code reads activity types only.',
                  },
                ]
              : []),
          ],
        },
      ],
    },
  };
});
// A workflow may name the types of activities, so that folder is ruled by the last pattern alone.
for (const rule of importRules) {
  if (rule.files[0]?.startsWith('workflows')) {
    const [first] = rule.rules['no-restricted-imports'][1].patterns;
    first.regex = first.regex.replace('activities|', '');
  }
}

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.data/', '.cache/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      '@typescript-eslint/only-throw-error': 'error',
    },
  },
  {
    // `describe` and `test` of node:test return promises that the runner itself awaits.
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['describe', 'test', 'it', 'suite'] },
          ],
        },
      ],
    },
  },
  ...importRules,
);
