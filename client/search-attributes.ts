import type { Client } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { keywordType, searchAttributes } from '../contract';
import { rpcCodes, rpcFailure } from './rpc-failure';

const names = Object.keys(searchAttributes);

/** How the search attributes of builds stand in a namespace. */
export interface SearchAttributeState {
  missing: string[];
  /** Registered, but not as Keyword, which builds need. */
  mistyped: string[];
}

/**
 * Looks which search attributes the namespace has. Where the operator service is closed to us, as on Temporal Cloud,
 * queries tell whether they can be used.
 */
export async function searchAttributeState(client: Client): Promise<SearchAttributeState> {
  const { namespace } = client.options;
  try {
    const { customAttributes } = await client.connection.operatorService.listSearchAttributes({ namespace });
    return {
      missing: names.filter((name) => !(name in customAttributes)),
      mistyped: names.filter((name) => name in customAttributes && Number(customAttributes[name]) !== keywordType),
    };
  } catch (error) {
    if (!isClosed(error)) throw error;
    return { missing: await unusable(client), mistyped: [] };
  }
}

/** Registers search attributes, and waits until they can be used; throws when we may not. */
export async function registerSearchAttributes(client: Client, missing: string[]): Promise<void> {
  await client.connection.operatorService.addSearchAttributes({
    namespace: client.options.namespace,
    searchAttributes: Object.fromEntries(missing.map((name) => [name, keywordType])),
  });
  // A cluster's frontends learn of a new attribute one after the other.
  const deadline = Date.now() + 15_000;
  while ((await unusable(client)).length > 0 && Date.now() < deadline) await sleep(100);
}

/** Those that a query may not use. */
async function unusable(client: Client): Promise<string[]> {
  const checks = names.map(async (name) => {
    try {
      await client.workflowService.countWorkflowExecutions({
        namespace: client.options.namespace,
        query: `${name} = 'none'`,
      });
      return [];
    } catch (error) {
      if (rpcFailure(error)?.code === rpcCodes.invalidArgument) return [name];
      throw error;
    }
  });
  return (await Promise.all(checks)).flat();
}

const closed: number[] = [rpcCodes.permissionDenied, rpcCodes.unimplemented, rpcCodes.unauthenticated];
const isClosed = (error: unknown) => closed.includes(rpcFailure(error)?.code ?? 0);
