import type { BundleOptions } from '@temporalio/worker';
import path from 'node:path';

const dist = path.resolve(__dirname, '..');

/** What every bundle of this version's workflows is made of, and how the shipped one is made. */
export const workflowSources: BundleOptions = {
  workflowsPath: path.join(dist, 'workflows', 'index.js'),
  // A third of what it takes to begin a workflow, or to replay one, would be to load this library for it.
  preloadModules: [path.join(dist, 'contract', 'zod.js')],
  // Stack traces name lines of our sources; their text, which every worker would read and keep, is shown nowhere.
  webpackConfigHook: (config) => ({ ...config, devtool: 'inline-nosources-source-map' }),
};
