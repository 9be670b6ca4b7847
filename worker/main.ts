#!/usr/bin/env node
/**
 * The worker process. All settings come from the environment (`--help`, docs/worker.md). Exit codes: 0 stopped as asked,
 * 1 the cloud or the namespace refuses us, or the worker broke, 2 wrong configuration, 3 Temporal cannot be reached.
 */
import { ConfigError, readConfig } from './config';
import { help } from './help';

async function main(args: string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help());
    return 0;
  }
  if (args.length > 0) throw new ConfigError(`The worker takes no arguments, but got: ${args.join(' ')} (try --help)`);
  const config = readConfig(process.env);
  // Loaded after the cheap checks: the SDK takes half a second.
  const [{ consoleToLog, createLogger, installSdkLogging }, { runWorker }] = await Promise.all([
    import('./logging.js'),
    import('./run-worker.js'),
  ]);
  const log = createLogger(config.logLevel, process.env);
  installSdkLogging(log);
  consoleToLog(log);
  const signalled = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        resolve(signal);
        process.once(signal, () => process.exit(130));
      });
    }
  });
  const worker = await Promise.race([runWorker(config, log), signalled]);
  // Asked to go before it had begun.
  if (typeof worker === 'string') return 0;
  const asked = await Promise.race([signalled, worker.stopped]);
  if (asked !== undefined) log.info({ signal: asked }, 'worker is stopping; a second signal ends it at once');
  await worker.stop();
  log.info('worker has stopped');
  return 0;
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const { exitCode = error instanceof ConfigError ? 2 : 1 } = error as { exitCode?: number };
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env.CVM_IMAGE_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
    process.exit(exitCode);
  },
);
