import { connect, type Connected, explainRpcFailure } from '../connect';
import type { ExitCode } from '../exit-codes';
import type { CommonOptions } from './options';

/** Connects, does what the verb does, and closes the connection whatever happens. */
export async function connected(
  { address, namespace }: CommonOptions,
  verb: (temporal: Connected) => Promise<ExitCode>,
): Promise<ExitCode> {
  const temporal = await connect({
    ...(address === undefined ? {} : { address }),
    ...(namespace === undefined ? {} : { namespace }),
  });
  try {
    return await verb(temporal);
  } catch (error) {
    throw explainRpcFailure(error, temporal);
  } finally {
    await temporal.close();
  }
}
