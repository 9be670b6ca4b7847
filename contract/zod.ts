import { z } from 'zod';

/**
 * zod as workflows can use it. Workers load this once for all workflows, and freeze it (see the bundling of the workflows): so
 * everything of its configuration has to be there from the beginning.
 */

// Workflow code may not generate code at run time, and zod's fast path does: the same results, without it.
z.config({ jitless: true });
// The rest zod sets itself, with the first schema of a kind.
z.array(z.string());

export { z };
