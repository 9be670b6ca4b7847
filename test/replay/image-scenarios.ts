import { randomBytes } from 'node:crypto';
import {
  type DeletionSpecInput,
  describeImageWorkflowType,
  type LaunchSpecInput,
  listImagesWorkflowType,
} from '../../contract';
import type { BuildStack } from '../support/build-stack';
import { region, type SeededImage, seedImage, startDeletion, startLaunch } from '../support/images';
import { until } from '../support/judge';
import type { Scenario } from './scenarios';

type Fault = (image: SeededImage) => Record<string, unknown>;

const launch =
  (spec: Partial<LaunchSpecInput> = {}, fault?: Fault) =>
  async (stack: BuildStack) => {
    const image = await seedImage(stack.cloud);
    if (fault) await stack.cloud.fault({ action: 'RunInstances', contains: image.imageId, ...fault(image) });
    return startLaunch(stack, { image: image.imageId, build: 'own', ...spec });
  };

const deletion =
  (spec: Partial<DeletionSpecInput> = {}, fault?: Fault) =>
  async (stack: BuildStack) => {
    const image = await seedImage(stack.cloud);
    if (fault) await stack.cloud.fault(fault(image));
    return startDeletion(stack, { imageId: image.imageId, ...spec });
  };

/** Waits until a fault has fired, and cancels: the step that met it is under way. */
const cancelledAt =
  (action: string, start: Scenario['run']): Scenario['run'] =>
  async (stack) => {
    const before = (await stack.cloud.calls({ action })).filter(({ faults }) => faults.length > 0).length;
    const handle = await start(stack);
    await until(async () => {
      const calls = await stack.cloud.calls({ action });
      return calls.filter(({ faults }) => faults.length > 0).length > before ? true : undefined;
    });
    await handle.cancel();
    return handle;
  };

const look =
  (type: string, input: (image: SeededImage) => Record<string, unknown>): Scenario['run'] =>
  async (stack) => {
    const image = await seedImage(stack.cloud);
    return stack.client.workflow.start(type, {
      workflowId: `${type}/${randomBytes(4).toString('hex')}`,
      taskQueue: stack.taskQueue,
      args: [{ region, ...input(image) }],
    });
  };

const forbidden: Fault = ({ dataId }) => ({
  action: 'DeleteSnapshots',
  contains: dataId,
  kind: 'error',
  code: 'UnauthorizedOperation',
  message: 'not today',
  when: 'before',
  times: 1000,
});
const held = { kind: 'error', code: 'ResourceInsufficient.SpecifiedInstanceType', message: 'sold out', when: 'before' };

/** Launches, deletions, and what only looks. */
export const imageScenarios: Scenario[] = [
  { name: 'image-launch', ends: 'COMPLETED', run: launch() },
  { name: 'image-launch-refused', ends: 'FAILED', run: launch({ image: 'img-nowhere1' }) },
  { name: 'image-launch-failed', ends: 'FAILED', run: launch({}, () => ({ kind: 'launch-fails' })) },
  {
    name: 'image-launch-cancelled',
    ends: 'CANCELLED',
    run: cancelledAt(
      'RunInstances',
      launch({}, () => ({ ...held, nth: 2, times: 1000 })),
    ),
  },
  { name: 'image-delete', ends: 'COMPLETED', run: deletion() },
  { name: 'image-delete-refused', ends: 'FAILED', run: deletion({ snapshotIds: [] }) },
  { name: 'image-delete-cancelled', ends: 'CANCELLED', run: cancelledAt('DeleteSnapshots', deletion({}, forbidden)) },
  { name: 'images-listed', ends: 'COMPLETED', run: look(listImagesWorkflowType, () => ({})) },
  {
    name: 'image-described',
    ends: 'COMPLETED',
    run: look(describeImageWorkflowType, ({ imageId }) => ({ image: imageId })),
  },
  {
    name: 'image-unknown',
    ends: 'FAILED',
    run: look(describeImageWorkflowType, () => ({ image: 'img-nowhere1' })),
  },
];
