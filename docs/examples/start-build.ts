/**
 * Starts a build with the typed library, follows it, and prints what came out: node dist/docs/examples/start-build.js
 * Needs Temporal and a worker (cvm-image dev), no cloud credentials. Outside of this repository: from 'cvm-image-builder'.
 */
import { BuildFailedError, connect, startBuild } from '../../client';

async function main(): Promise<void> {
  const { client, close } = await connect();
  try {
    const build = await startBuild(client, {
      region: 'ap-guangzhou',
      instanceId: 'ins-web00001',
      image: { name: 'web-{date}-{time}', family: 'web' },
      deadlines: { pollImage: '90m' },
    });
    console.log(`${build.buildId} ${build.joined ? 'was running already' : 'is started'}`);

    for await (const { phase, steps } of build.progress()) {
      const done = steps.filter(({ state }) => state === 'done').length;
      console.log(`${phase}: ${done} steps done`);
    }

    const { image, source } = await build.result();
    console.log(`${image.imageId}; ${source.instanceId} was down for ${source.downTimeSeconds ?? 0} s`);
  } catch (error) {
    if (!(error instanceof BuildFailedError)) throw error;
    const { message, advice = '', resources } = error.failure;
    console.error(`${error.status}: ${message}. ${advice}`);
    for (const { type, id, fate } of resources) console.error(`${type} ${id}: ${fate}`);
    process.exitCode = error.exitCode;
  } finally {
    await close();
  }
}

void main();
