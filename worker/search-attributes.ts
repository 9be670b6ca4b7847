import type { NativeConnection } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { keywordType as keyword, registerCommands, searchAttributes } from '../contract';
import { grpcCode, StartError } from './start-error';

const names = Object.keys(searchAttributes);

/**
 * Sees to it that the namespace has the search attributes of the contract: registers the missing ones, and waits until
 * they can be used.
 *
 * @returns the names that were registered
 * @throws {StartError} with the command that registers them, when we may not
 */
export async function ensureSearchAttributes(connection: NativeConnection, namespace: string): Promise<string[]> {
  let missing: string[];
  try {
    missing = await missingFromList(connection, namespace);
  } catch (error) {
    if (!isClosed(error)) throw error;
    // Temporal Cloud keeps the operator service to itself, but a query tells whether it knows the attributes.
    missing = await missingFromQueries(connection, namespace);
    if (missing.length > 0) throw new StartError(howToRegister(missing, namespace), 1);
  }
  if (missing.length === 0) return [];
  const searchAttributeTypes = Object.fromEntries(missing.map((name) => [name, keyword]));
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes: searchAttributeTypes });
  } catch (error) {
    // Another worker may have been as quick as we were.
    const left = await missingFromList(connection, namespace);
    if (left.length > 0) throw new StartError(howToRegister(left, namespace, error), 1);
  }
  await untilUsable(connection, namespace);
  return missing;
}

async function missingFromList(connection: NativeConnection, namespace: string): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  const wrong = names.filter((name) => (customAttributes[name] ?? keyword) !== keyword);
  if (wrong.length > 0) {
    const text = `Search attribute ${wrong.join(', ')} of namespace ${namespace} is not of type Keyword, which builds need.`;
    throw new StartError(`${text}\nUse another namespace (TEMPORAL_NAMESPACE), or remove it there.`, 1);
  }
  return names.filter((name) => !(name in customAttributes));
}

async function missingFromQueries(connection: NativeConnection, namespace: string): Promise<string[]> {
  const checks = names.map(async (name) => {
    try {
      const query = `${name} = 'none'`;
      await connection.workflowService.countWorkflowExecutions({ namespace, query });
      return [];
    } catch (error) {
      if (grpcCode(error) === invalidArgument) return [name];
      throw error;
    }
  });
  return (await Promise.all(checks)).flat();
}

/** A cluster's frontends learn of a new attribute one after the other. */
async function untilUsable(connection: NativeConnection, namespace: string): Promise<void> {
  const deadline = Date.now() + 15_000;
  while ((await missingFromQueries(connection, namespace)).length > 0 && Date.now() < deadline) await sleep(100);
}

const invalidArgument = 3;
const permissionDenied = 7;
const unimplemented = 12;
const unauthenticated = 16;
const isClosed = (error: unknown) => [permissionDenied, unimplemented, unauthenticated].includes(grpcCode(error) ?? 0);

function howToRegister(missing: string[], namespace: string, reason?: unknown): string {
  const why = reason instanceof Error ? ` (${reason.message})` : '';
  return [
    `Namespace ${namespace} lacks the search attributes ${missing.join(', ')}, and the worker may not register them${why}.`,
    'Somebody who may, runs:',
    ...registerCommands(missing, namespace),
  ].join('\n');
}
