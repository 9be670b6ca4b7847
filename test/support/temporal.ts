import { randomUUID } from 'node:crypto';
import { startTemporalServer } from '../../dev/temporal-server/server';

/** A Temporal dev server of a test file's own. */
export interface TestTemporal {
  address: string;
  namespace: string;
  stop(): Promise<void>;
}

/**
 * Starts an in-memory dev server on a free port, with the search attributes of the contract.
 *
 * @param dynamicConfig of the server: `key=value`
 */
export async function startTestTemporal(dynamicConfig: readonly string[] = []): Promise<TestTemporal> {
  const { address, namespace, stop } = await startTemporalServer({
    namespace: `test-${randomUUID().slice(0, 8)}`,
    dynamicConfig,
  });
  return { address, namespace, stop };
}
