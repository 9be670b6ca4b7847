/**
 * Downloads a Temporal program by starting it once, through `@temporalio/testing`. Run by `sdk-download.ts`:
 * `sdk-download-process.js dev-server|time-skipping VERSION FOLDER`.
 */
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime } from '@temporalio/worker';

async function main([type, version = 'default', folder = '.']: string[]): Promise<void> {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const executable = { type: 'cached-download' as const, downloadDir: folder, version };
  const environment =
    type === 'dev-server'
      ? await TestWorkflowEnvironment.createLocal({ server: { executable } })
      : await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
  await environment.teardown();
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
