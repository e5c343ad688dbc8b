// Only what Biome can't know: which package may import which. Style and correctness are Biome's.
import nx from '@nx/eslint-plugin';
import tsParser from '@typescript-eslint/parser';
import jsonParser from 'jsonc-eslint-parser';

/** Vendors and the one place that may import each. */
const vendors = {
  bullmq: 'libs/queue',
  ioredis: 'libs/queue',
  undici: 'libs/datakit',
  'smol-toml': 'libs/config',
  pino: 'libs/telemetry',
  'tar-stream': 'libs/bundles',
};
const childProcesses = ['execa', 'node:child_process'];

const restricted = (exceptIn) => ({
  'no-restricted-imports': [
    'error',
    {
      paths: [
        ...Object.entries(vendors)
          .filter(([, home]) => home !== exceptIn)
          .map(([name, home]) => ({ name, message: `${name} is imported in ${home} only.` })),
        ...(['libs/runner', 'libs/embedded-redis', 'libs/git'].includes(exceptIn)
          ? []
          : childProcesses.map((name) => ({
              name,
              message: 'Child processes are started in libs/runner, libs/embedded-redis and libs/git only.',
            }))),
      ],
    },
  ],
});

export default [
  { ignores: ['**/dist', '**/node_modules', '.nx', '.pythond'] },
  {
    files: ['{apps,libs}/*/src/**/*.{ts,tsx}'],
    plugins: { '@nx': nx },
    languageOptions: {
      parser: tsParser,
      parserOptions: { sourceType: 'module', ecmaFeatures: { jsx: true } },
    },
    rules: {
      '@nx/enforce-module-boundaries': [
        'error',
        {
          enforceBuildableLibDependency: false,
          allow: [],
          depConstraints: [
            { sourceTag: 'layer:domain', onlyDependOnLibsWithTags: ['layer:domain'] },
            { sourceTag: 'layer:base', onlyDependOnLibsWithTags: ['layer:domain', 'layer:base'] },
            {
              sourceTag: 'layer:adapter',
              onlyDependOnLibsWithTags: ['layer:domain', 'layer:base', 'layer:adapter'],
            },
            {
              sourceTag: 'layer:app',
              onlyDependOnLibsWithTags: ['layer:domain', 'layer:base', 'layer:adapter'],
            },
            {
              sourceTag: 'layer:composer',
              onlyDependOnLibsWithTags: ['layer:domain', 'layer:base', 'layer:adapter', 'layer:app'],
            },
          ],
        },
      ],
      'no-restricted-globals': ['error'],
      ...restricted(''),
    },
  },
  {
    // Pure code: nothing from the outside world.
    files: ['libs/{points,jobs,sandbox}/src/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: ['node:*', '!node:crypto', '!node:buffer'], message: 'Domain libs do no I/O.' },
          ],
        },
      ],
    },
  },
  ...[
    'libs/queue',
    'libs/datakit',
    'libs/config',
    'libs/telemetry',
    'libs/bundles',
    'libs/runner',
    'libs/embedded-redis',
    'libs/git',
  ].map((home) => ({ files: [`${home}/src/**/*.ts`], rules: restricted(home) })),
  {
    files: ['{apps,libs}/*/package.json'],
    plugins: { '@nx': nx },
    languageOptions: { parser: jsonParser },
    rules: {
      '@nx/dependency-checks': ['error', { ignoredFiles: ['**/*.test.ts'], checkVersionMismatches: false }],
    },
  },
];
