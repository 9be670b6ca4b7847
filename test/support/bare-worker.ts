import { DefaultLogger, Runtime } from '@temporalio/worker';
import path from 'node:path';

/** The bundle that `npm run build` made. */
export const bundlePath = path.resolve(__dirname, '../../workflow-bundle.js');

/** Tests read the cloud and Temporal, not logs; errors still show. */
let quiet = false;
export function quietLogs(level: 'DEBUG' | 'ERROR' = 'ERROR'): void {
  if (!quiet) Runtime.install({ logger: new DefaultLogger(level) });
  quiet = true;
}
