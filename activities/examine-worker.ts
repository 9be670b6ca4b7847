import { Context } from '@temporalio/activity';
import { randomUUID } from 'node:crypto';
import type { CheckUpInput, CheckUpReport, Finding, WorkerFacts } from '../contract';
import { privateImages } from './check-quota';
import type { Cloud, Instance } from './cloud/cloud';
import { CloudError } from './cloud/errors';
import { type StepTools, whileBeating } from './engine/step';
import type { ActivitySettings } from './settings';
import { isBusy } from './source-instance';

/** Changes in use that the API has no DryRun for. A harmless way to ask whether they are permitted does not exist. */
const withoutDryRun = [
  ...['StopInstances', 'StartInstances', 'TerminateInstances', 'ModifyImageAttribute', 'ModifyImageSharePermission'],
  ...['SyncImages', 'CreateSnapshot', 'DeleteSnapshots', 'CopySnapshotCrossRegions', 'TerminateDisks'],
  ...['TagResources', 'UnTagResources'],
];

/** Well formed, and no resource has it. */
const noImage = 'img-00000000';

/**
 * Lets the worker say what it is and how far its credentials reach: account, region, quota, and the permission of each
 * API action in use, as far as a look-up or a DryRun tells.
 *
 * Changes nothing: Describe…, GetCallerIdentity, AssumeRole for the roles that a spec may name, and CreateImage,
 * RunInstances and DeleteImages with DryRun; the last about an image that does not exist. A person waits for the answer,
 * so nothing is repeated.
 */
export const examineWorker =
  ({ settings, clouds }: Pick<StepTools, 'settings' | 'clouds'>) =>
  async ({ region: asked }: CheckUpInput): Promise<CheckUpReport> => {
    const region = asked ?? settings.allow.regions?.[0] ?? 'ap-guangzhou';
    const report: CheckUpReport = { worker: workerFacts(settings), region, findings: [] };
    await whileBeating(
      () => ({ waitingFor: `what the cloud says in ${region}` }),
      () => examine(report, settings, clouds),
    );
    return report;
  };

function workerFacts({ installation, endpoint, allow, webhooks }: ActivitySettings): WorkerFacts {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- outside of what tsc compiles
  const { version } = require('../../package.json') as { version: string };
  const { identity } = Context.current().client.options;
  // Only the names of the webhooks: their addresses may hold a secret.
  const names = Object.keys(webhooks);
  return { version, identity, node: process.version, installation, endpoint, allow, webhooks: names };
}

async function examine(report: CheckUpReport, settings: ActivitySettings, clouds: StepTools['clouds']): Promise<void> {
  const { region, findings } = report;
  const { regions } = settings.allow;
  if (regions && !regions.includes(region)) {
    findings.push({
      ...access('region', 'wrong', `this worker builds only in ${regions.join(', ')}, not in ${region}`),
      advice: 'Use another region, or extend CVM_IMAGE_ALLOW_REGIONS of the worker.',
    });
    return;
  }
  const cloud = clouds.get(region);
  const [credentials, account] = await examineCredentials(cloud, settings);
  findings.push(credentials);
  if (account === undefined) return;
  report.account = account;

  const { instances, ...place } = await examineRegion(cloud);
  findings.push(place.region);
  if (place.region.health === 'wrong') return;
  const [quota, roles, lookUps, dryRuns] = await Promise.all([
    examineQuota(cloud, report),
    Promise.all(settings.allow.roles.map((role) => examineRole(clouds.get(region, role), role))),
    examineLookUps(cloud),
    examineDryRuns(cloud, instances),
  ]);
  findings.push(
    quota,
    ...roles,
    place.permission,
    ...lookUps,
    ...dryRuns,
    ...withoutDryRun.map((action) => ({
      ...permission(action, 'unknown', 'cannot be told beforehand: the API has no DryRun for it'),
      advice: "Compare the CAM policy of the worker's identity with docs/worker.md.",
    })),
  );
}

const access = (name: string, health: Finding['health'], found: string): Finding => ({
  ...{ name, kind: 'access', health, found },
});
const permission = (name: string, health: Finding['health'], found: string): Finding => ({
  ...{ name, kind: 'permission', health, found },
});

async function examineCredentials(cloud: Cloud, settings: ActivitySettings): Promise<[Finding, string?]> {
  try {
    const { AccountId, Type, Arn } = await cloud.call('sts', 'GetCallerIdentity', null);
    if (!AccountId) return [access('credentials', 'wrong', 'the cloud names no account for them')];
    const who = [Type, Arn].filter(Boolean).join(' ');
    return [access('credentials', 'ok', `account ${AccountId}${who ? `, ${who}` : ''}`), AccountId];
  } catch (error) {
    const where = settings.endpoint ?? 'TENCENTCLOUD_ENDPOINT (unset)';
    const missing = `Look at the worker's network and its endpoint: ${where}.`;
    return [{ advice: missing, ...refused(access('credentials', 'wrong', ''), error) }];
  }
}

async function examineRegion(cloud: Cloud) {
  const { region } = cloud;
  try {
    const { TotalCount = 0, InstanceSet = [] } = await cloud.call('cvm', 'DescribeInstances', { Limit: 20 });
    return {
      region: access('region', 'ok', `${region}, ${TotalCount} instances`),
      permission: permission('DescribeInstances', 'ok', 'permitted'),
      instances: InstanceSet,
    };
  } catch (error) {
    const unknown = error instanceof CloudError && error.code.includes('Region');
    const health = unknown ? 'wrong' : 'unknown';
    return {
      region: refused(access('region', health, `${region}: `), error),
      permission: judged('DescribeInstances', error),
      instances: [],
    };
  }
}

async function examineQuota(cloud: Cloud, report: CheckUpReport): Promise<Finding> {
  try {
    const [{ ImageNumQuota: total = 0 }, { TotalCount: used = 0 }] = await Promise.all([
      cloud.call('cvm', 'DescribeImageQuota', null),
      cloud.call('cvm', 'DescribeImages', { ...privateImages, Limit: 1 }),
    ]);
    report.images = { used, total };
    const found = `${used} of ${total} custom images in ${cloud.region}`;
    if (used < total) return access('quota', 'ok', found);
    const advice = 'Delete custom images that are no longer needed, or have the quota raised.';
    return { ...access('quota', 'wrong', `${found}: there is no room for one more`), advice };
  } catch (error) {
    return refused(access('quota', 'unknown', ''), error);
  }
}

async function examineRole(cloud: Cloud, role: string): Promise<Finding> {
  try {
    const { AccountId = 'unknown' } = await cloud.call('sts', 'GetCallerIdentity', null);
    return access('role', 'ok', `${role} can be assumed, account ${AccountId}`);
  } catch (error) {
    return refused(access('role', 'wrong', `${role}: `), error);
  }
}

/** What the look-ups in use answer. Each is asked for the least it can answer. */
async function examineLookUps(cloud: Cloud): Promise<Finding[]> {
  const calls: [string, () => Promise<unknown>][] = [
    ['DescribeImages', () => cloud.call('cvm', 'DescribeImages', { ...privateImages, Limit: 1 })],
    ['DescribeImageQuota', () => cloud.call('cvm', 'DescribeImageQuota', null)],
    [
      'DescribeImageSharePermission',
      () => unlessNotFound(cloud.call('cvm', 'DescribeImageSharePermission', { ImageId: noImage })),
    ],
    [
      'DescribeImageFromFamily',
      () => unlessNotFound(cloud.call('cvm', 'DescribeImageFromFamily', { ImageFamily: 'cvm-image-doctor' })),
    ],
    ['DescribeDisks', () => cloud.call('cbs', 'DescribeDisks', { Limit: 1 })],
    ['DescribeSnapshots', () => cloud.call('cbs', 'DescribeSnapshots', { Limit: 1 })],
  ];
  return Promise.all(calls.map(([action, call]) => permitted(action, call)));
}

/** The changes that can be asked about, with any instance of the region to ask about. */
async function examineDryRuns(cloud: Cloud, instances: Instance[]): Promise<Finding[]> {
  const one = instances.find(
    (instance) => ['RUNNING', 'STOPPED'].includes(instance.InstanceState ?? '') && !isBusy(instance),
  );
  const about = (action: 'CreateImage' | 'RunInstances', call: (instance: Instance) => Promise<void>) =>
    one
      ? permitted(action, () => call(one), `permitted (DryRun about ${one.InstanceId ?? ''})`)
      : permission(action, 'unknown', `there is no idle instance in ${cloud.region} to ask about`);
  return Promise.all([
    about('CreateImage', ({ InstanceId }) =>
      cloud.dryRun('CreateImage', {
        InstanceId: InstanceId!,
        ImageName: `cvm-image-doctor-${randomUUID().slice(0, 8)}`,
      }),
    ),
    about('RunInstances', ({ ImageId, Placement, InstanceType, VirtualPrivateCloud: network }) =>
      cloud.dryRun('RunInstances', {
        InstanceChargeType: 'POSTPAID_BY_HOUR',
        Placement: { Zone: Placement?.Zone ?? '' },
        ImageId: ImageId ?? '',
        InstanceType: InstanceType ?? '',
        ...(network?.VpcId && network.SubnetId
          ? { VirtualPrivateCloud: { VpcId: network.VpcId, SubnetId: network.SubnetId } }
          : {}),
        InstanceCount: 1,
      }),
    ),
    permitted('DeleteImages', () => unlessNotFound(cloud.dryRun('DeleteImages', { ImageIds: [noImage] }))),
  ]);
}

/** A call that got as far as looking for the image is permitted; whether for each single image is another matter. */
async function unlessNotFound(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    const notThere = /^InvalidImageId\.NotFound$|ImageNotBelongToAccount$/;
    if (!(error instanceof CloudError) || !notThere.test(error.code)) throw error;
  }
}

async function permitted(action: string, call: () => Promise<unknown>, found = 'permitted'): Promise<Finding> {
  try {
    await call();
    return permission(action, 'ok', found);
  } catch (error) {
    return judged(action, error);
  }
}

/** What a refused call says of its permission. One that is refused for other reasons was at least not denied. */
function judged(action: string, error: unknown): Finding {
  if (!(error instanceof CloudError)) throw error;
  const denied = /^(Unauthorized|AuthFailure|InvalidAccount|AccountQualification)|InsufficientBalance|UnpaidOrder/;
  if (denied.test(error.code)) return refused(permission(action, 'wrong', ''), error);
  const answered = !['transient', 'throttled'].includes(error.kind);
  return refused(permission(action, 'unknown', answered ? 'not denied, but refused for another reason: ' : ''), error);
}

/** Adds to a finding what the cloud refused with. */
function refused(finding: Finding, error: unknown): Finding {
  if (!(error instanceof CloudError)) throw error;
  const { code, message, requestId, advice } = error;
  return {
    ...finding,
    found: `${finding.found}${message.replace(/\.$/, '')}`,
    code,
    ...(requestId === undefined ? {} : { requestId }),
    ...(advice === undefined ? {} : { advice }),
  };
}
