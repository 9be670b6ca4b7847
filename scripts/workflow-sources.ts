import path from 'node:path';

const dist = path.resolve(__dirname, '..');

/** What every bundle of this version's workflows is made of. */
export const workflowSources = {
  workflowsPath: path.join(dist, 'workflows', 'index.js'),
  // A third of what it takes to begin a workflow, or to replay one, would be to load this library for it.
  preloadModules: [path.join(dist, 'contract', 'zod.js')],
};
