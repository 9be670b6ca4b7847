import type { ReleaseActivities } from '../../contract';
import { checkSourceTag } from '../allowed';
import type { Instance } from '../cloud/cloud';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { instanceNow } from '../inspect-source';
import { webhookAdvice } from '../notify';
import { isDoomed } from '../source-instance';

type Input = Parameters<ReleaseActivities['findSource']>[0];
type Output = Awaited<ReturnType<ReleaseActivities['findSource']>>;

/**
 * Finds the source of a run: the instance that the pipeline names, or the only one that carries its tag. Whether it can be
 * imaged is for the build to say. Changes nothing.
 */
export const findSource = step<Input, Output>('before changes', async (run, { source, notify }) => {
  const { webhooks } = run.settings;
  if (notify !== undefined && !webhooks[notify]) {
    throw run.refusal('NoSuchWebhook', `this worker has no webhook ${notify}`, webhookAdvice(webhooks));
  }
  const instance = 'instanceId' in source ? await instanceNow(run, source.instanceId) : await tagged(run, source.tag);
  checkSourceTag(run, instance);
  return {
    instanceId: instance.InstanceId!,
    name: instance.InstanceName ?? '',
    accountId: await run.patiently('account', () => run.cloud.accountId()),
  };
});

async function tagged(run: StepRun, { key, value }: { key: string; value: string }): Promise<Instance> {
  const all = await run.patiently(`instances tagged ${key}=${value}`, () => run.cloud.instancesByTag(key, value));
  const [instance, ...others] = all.filter((one) => !isDoomed(one));
  const { region } = run.build;
  if (!instance) {
    throw run.refusal(
      'SourceNotFound',
      `no instance of ${region} carries the tag ${key}=${value}`,
      'Tag the instance that the images are to be made from.',
    );
  }
  if (others.length > 0) {
    const found = [instance, ...others].map(({ InstanceId }) => InstanceId!).sort();
    throw run.refusal(
      'SourceAmbiguous',
      `${found.length} instances of ${region} carry the tag ${key}=${value}: ${found.slice(0, 5).join(', ')}`,
      'Leave the tag on the one that the images are to be made from.',
    );
  }
  return instance;
}
