/**
 * Makes the next release of a family with the typed library, follows it, and prints what came out:
 * node dist/docs/examples/run-pipeline.js
 * Needs Temporal and a worker (cvm-image dev), no cloud credentials. Outside of this repository: from 'cvm-image-builder'.
 */
import { approveRelease, connect, followBuild, releaseOf, startRelease } from '../../client';

async function main(): Promise<void> {
  const { client, close } = await connect();
  try {
    const run = await startRelease(
      client,
      {
        region: 'ap-guangzhou',
        family: 'web',
        source: { instanceId: 'ins-web00001' },
        build: { method: 'snapshots' },
        approve: { deadline: '1h' },
      },
      { by: 'deployment 4711' },
    );
    console.log(`${run.buildId} is started`);

    let asked = false;
    for await (const { phase, waiting, held } of followBuild(client, run)) {
      console.log(phase);
      // What the program would ask its own tests.
      if (waiting && !asked) await approveRelease(client, run, { by: 'deployment 4711', reason: 'all is well' });
      asked ||= waiting !== undefined;
      // Nothing goes on by itself: cvm-image retry, or cancel.
      if (held) throw new Error(held.message);
    }

    const { outcome, reason = '', images } = await releaseOf(client, run);
    console.log(`${outcome ?? ''} ${reason}`.trim());
    for (const { imageId, region, state } of images) console.log(`${imageId} in ${region}: ${state}`);
  } finally {
    await close();
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
