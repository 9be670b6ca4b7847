import { z } from 'zod';

/**
 * zod as workflows can use it. Workers load it once for all workflows, and freeze its configuration (see scripts/workflow-sources.ts):
 * all of that has to be there from the beginning.
 */

// Workflow code may not generate code at run time, and zod's fast path does: the same results, without it.
z.config({ jitless: true });
// What zod sets itself: `localeError` with the first schema, `memoizer` with the first one that holds others.
z.array(z.string());

export { z };
