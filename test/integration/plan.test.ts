import { WorkflowFailedError } from '@temporalio/client';
import { Client as CvmClient } from 'tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client';
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { planBuild, startBuild } from '../../client';
import {
  type BuildPlan,
  type BuildSpecInput,
  planWorkflowType,
  type PlannedResource,
  type PlanProblem,
  progressQuery,
  searchAttributes,
} from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { type CommandOutcome, runCommand } from '../support/command';
import { failureOf, ids, resourcesOf, until, untilProgress } from '../support/judge';

const region = 'ap-guangzhou';

interface Planned {
  type: string;
  exitCode: number;
  workflowId?: string;
  runId?: string;
  plan?: BuildPlan;
  problems: PlanProblem[];
  running?: { buildId: string; sameSpec: boolean };
  downTime?: {
    method: string;
    basis: string;
    leastSeconds?: number;
    mostSeconds?: number;
    from: string[];
    builds: string[];
  }[];
}

/** `cvm-image build --plan` as a process, against a real server and worker. */
describe('cvm-image build --plan', { concurrency: 3 }, () => {
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({
      settings: { allow: { roles: [], regions: [region, 'ap-singapore', 'ap-seoul'] } },
    });
    await stack.cloud.seed({ imageQuota: { [region]: 100, 'ap-singapore': 1, 'ap-seoul': 100 } });
    await stack.cloud.seed({ images: [{ region: 'ap-singapore', name: 'taken' }] });
  });
  after(() => stack.stop());

  const run = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<CommandOutcome> =>
    runCommand(args, {
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: stack.temporal.namespace,
      CVM_IMAGE_TASK_QUEUE: stack.taskQueue,
      ...env,
    });
  const flags = (instanceId: string, ...more: string[]) => [
    ...['build', '--plan', '--instance', instanceId],
    ...(more.includes('--region') ? [] : ['--region', region]),
    ...(more.includes('--image-name') ? [] : ['--image-name', `plan-${instanceId}`]),
    ...more,
  ];
  async function planned(...args: string[]): Promise<Planned> {
    const { code, stdout, stderr } = await run([...args, '--json']);
    assert.notEqual(stdout, '', stderr);
    const told = JSON.parse(stdout) as Planned;
    assert.deepEqual([told.type, told.exitCode], ['plan', code], stderr);
    return told;
  }
  const build = async (spec: BuildSpecInput) => {
    const handle = await stack.start(spec);
    return { handle, result: await handle.result() };
  };
  const madeBy = ({ steps }: BuildPlan, type: string): PlannedResource[] =>
    steps.flatMap(({ makes }) => makes).filter((one) => one.type === type);

  for (const method of ['instance', 'snapshots'] as const) {
    test(`method ${method}: says what the build then does, and changes nothing itself`, async () => {
      const instanceId = await stack.instance({ region, dataDisks: [{ size: 100 }, { size: 50 }] });
      const name = `plan-${instanceId}`;
      const before = await stack.cloud.state(region);
      const since = new Date().toISOString();
      const args = flags(instanceId, '--method', method, '--launch-zone', 'ap-guangzhou-3');
      const { plan, problems, exitCode } = await planned(...args);
      assert.deepEqual([exitCode, problems], [0, []]);
      assert.ok(plan);

      const ofSource = (state: typeof before) => state.snapshots.filter(({ name: own }) => String(own).includes(name));
      const after = await stack.cloud.state(region);
      const about = (state: typeof before) => state.instances.find(({ id }) => id === instanceId);
      assert.deepEqual(about(after), about(before), 'the source is as it was');
      assert.deepEqual(ofSource(after), []);
      assert.deepEqual(Object.values(await made(instanceId)).map(ids), [[], [], [], [], [], []]);
      const calls = (await stack.cloud.calls({ region, since })).filter(({ resources }) =>
        resources.includes(instanceId),
      );
      const changing = calls.map(({ action }) => action).filter((action) => !/^(Describe|Get)/.test(action));
      assert.deepEqual(changing, ['CreateImage'], 'asked by DryRun only');

      const { handle, result } = await build({
        ...{ region, instanceId, method, image: { name }, launch: { zone: 'ap-guangzhou-3' } },
      });
      const { steps } = await handle.query(progressQuery);
      const begun = steps.filter(({ startedAt }) => startedAt !== undefined);
      const inOrder = begun.sort((a, b) => a.startedAt!.localeCompare(b.startedAt!)).map(({ step }) => step);
      // The restore and the tags begin at the same moment when the image is ready.
      const order = (names: string[]) => names.filter((step) => method === 'snapshots' || step !== 'keepResources');
      assert.deepEqual(order(plan.steps.filter(({ skipped }) => !skipped).map(({ step }) => step)), order(inOrder));
      assert.deepEqual(
        madeBy(plan, 'image').map((image) => [image.name, image.size]),
        [[result.image.name, result.image.size]],
      );
      const taken = await resourcesOf(stack.cloud, region, instanceId);
      assert.deepEqual(
        madeBy(plan, 'snapshot')
          .map((one) => one.name?.replace('{build}', result.buildId))
          .sort(),
        taken.snapshots.map((one) => one.name).sort(),
      );
      assert.deepEqual(
        madeBy(plan, 'disk').map(({ size }) => size),
        [50, 100, 50],
      );
      assert.deepEqual(taken.disks.map(({ size }) => size as number).sort(), [100, 50, 50]);
    });
  }

  /** Everything that carries the tag of a build, or of a plan, of this instance. */
  const made = async (instanceId: string) => {
    const { source, ...all } = await resourcesOf(stack.cloud, region, instanceId);
    assert.ok(source);
    return all;
  };

  test('people read it: steps, sizes, down-time, verdict; and the Web UI shows it', async () => {
    const instanceId = await stack.instance({ region: 'ap-seoul', dataDisks: [{ size: 100 }] });
    const args = flags(instanceId, '--region', 'ap-seoul', '--image-name', 'web-{date}-{build}');
    const before = await stack.cloud.state('ap-seoul');
    const { code, stdout } = await run(args);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^Plan: image web-\d{8}-\S+ of ins-\w+ \(ap-seoul\), method instance\nNothing was changed\./);
    assert.match(stdout, /lock +free/);
    assert.match(
      stdout,
      /4 {2}snapshotDisks .*\n +\+ snapshot +cib-\{build\}-disk-\w+-g1 +100 GiB {2}data disk disk-\w+\n/,
    );
    assert.match(stdout, /9 {2}launchInstance +not needed: not asked for/);
    // No build of the region has been measured: what is documented, and labelled so.
    assert.match(stdout, /instance \(this plan\) +estimated: 10 min 00 s to 6 h 00 min\n +- the cloud documents/);
    assert.match(stdout, /snapshots +estimated: at most 2 h 30 min/);
    assert.match(stdout, /Nothing stands in the way\.\n$/);

    const { workflowId, runId } = await planned(...args, '--launch-zone', 'ap-seoul-1');
    assert.deepEqual(await stack.cloud.state('ap-seoul'), before, 'nothing in the region has changed');
    const asked = new Set((await stack.cloud.calls({ region: 'ap-seoul' })).map(({ action }) => action));
    assert.deepEqual([...asked].filter((action) => !/^(Describe|Get)/.test(action)).sort(), [
      'CreateImage',
      'RunInstances',
    ]);
    const handle = stack.client.workflow.getHandle(workflowId!, runId);
    const description = await handle.describe();
    assert.equal(description.type, planWorkflowType);
    assert.equal(description.typedSearchAttributes.get(searchAttributes.SourceInstanceId), instanceId);
    assert.match((await description.staticSummary()) ?? '', /^Plan of image web-/);
    const metadata = await handle.query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    assert.match(metadata.currentDetails ?? '', /nothing stands in the way[\s\S]*\| 4 \| snapshotDisks \|/);
  });

  test('lists every problem, the first as the build would end with', async () => {
    const instanceId = await stack.instance({
      ...{ region: 'ap-singapore', state: 'STOPPED', stoppedMode: 'STOP_CHARGING' },
      systemDisk: { size: 60, encrypted: true },
      dataDisks: [{ type: 'LOCAL_SSD', size: 50 }],
    });
    const launch = ['--launch-zone', 'ap-singapore-1', '--launch-disk-size', '20', '--launch-vpc', 'vpc-00000000'];
    const args = ['--region', 'ap-singapore', '--image-name', 'taken', '--sysprep', ...launch];
    const { problems, plan, exitCode } = await planned(
      ...flags(instanceId, ...args, '--launch-subnet', 'subnet-00000000'),
    );
    assert.equal(exitCode, 1);
    assert.deepEqual(
      problems.map(({ step, code }) => [step, code]),
      [
        ['inspectSource', 'UnsupportedOperation.StoppedModeStopCharging'],
        ['inspectSource', 'SysprepNotSupported'],
        ['inspectSource', 'UnsupportedOperation.EncryptedImagesNotSupported'],
        ['inspectSource', 'InvalidParameter.LocalDataDiskNotSupport'],
        ['inspectSource', 'InvalidImageName.Duplicate'],
        ['inspectSource', 'SystemDiskTooSmall'],
        ['inspectSource', 'InvalidParameterValue.VpcIdNotExist'],
        ['checkQuota', 'ImageQuotaLimitExceeded'],
      ],
    );
    assert.match(problems[6]!.message, /^RunInstances: .*RequestId/);
    assert.deepEqual(
      plan?.dryRuns.map(({ action, answer }) => [action, answer]),
      [
        ['RunInstances', 'refused'],
        ['CreateImage', 'refused'],
      ],
    );
    const failure = await failureOf(
      await stack.start({ region: 'ap-singapore', instanceId, image: { name: 'taken' }, sysprep: true }),
    );
    const [first] = problems;
    assert.deepEqual(
      [failure.step, failure.code, failure.message, failure.advice],
      [first!.step, first!.code, first!.message, first!.advice],
    );
  });

  test('a missing permission for the image shows before the source is down, with RequestId and advice', async () => {
    const instanceId = await stack.instance({ region });
    const fault = await stack.cloud.fault({
      ...{ action: 'CreateImage', contains: `plan-${instanceId}`, kind: 'error' },
      ...{ code: 'UnauthorizedOperation', message: 'CAM denies it.' },
    });
    const { problems, exitCode } = await planned(...flags(instanceId));
    const [call] = (await stack.cloud.calls({ action: 'CreateImage' })).filter(({ faults }) => faults.includes(fault));
    assert.ok(call, 'the fault fired');
    assert.equal(exitCode, 1);
    assert.equal(problems.length, 1);
    const [{ step, code, requestId, advice }] = problems as [PlanProblem];
    assert.deepEqual([step, code, requestId], ['createImage', 'UnauthorizedOperation', call.requestId]);
    assert.match(advice ?? '', /CAM identity/);
  });

  test('what the worker does not allow is not looked at', async () => {
    const denied = await planned(...flags('ins-nowhere1', '--region', 'ap-tokyo'));
    assert.deepEqual(
      denied.problems.map(({ code }) => code),
      ['NotAllowed'],
    );
    assert.ok(denied.problems[0]?.advice);
    assert.deepEqual([denied.plan?.steps, denied.plan?.dryRuns], [[], []]);
    assert.deepEqual(await stack.cloud.calls({ region: 'ap-tokyo' }), []);
    const missing = await planned(...flags('ins-nowhere1'));
    assert.deepEqual(
      missing.problems.map(({ code }) => code),
      ['InstanceNotFound'],
    );
    assert.ok(missing.plan?.quota, 'the quota is told all the same');
    const { plan } = await planBuild(
      stack.client,
      { region, instanceId: await stack.instance({ region }), image: { name: 'notified' }, notify: 'nobody' },
      { taskQueue: stack.taskQueue },
    );
    assert.deepEqual(
      plan?.problems.map(({ code }) => code),
      ['NoSuchWebhook'],
    );
    assert.ok(plan.source, 'the rest is looked at all the same');
  });

  test('a busy source is not waited for, but said; it is planned for where it is going', async () => {
    const { hostname, port } = new URL(stack.cloud.url);
    const somebody = new CvmClient({
      credential: { secretId: 'AKIDsimulator', secretKey: 'simulator' },
      region,
      profile: { httpProfile: { endpoint: `${hostname}:${port}`, protocol: 'http://' } },
    });
    for (const [state, wasRunning] of [
      ['STOPPING', false],
      ['STARTING', true],
    ] as const) {
      const instanceId = await stack.instance({ region, state: wasRunning ? 'STOPPED' : 'RUNNING' });
      const action = wasRunning ? 'StartInstances' : 'StopInstances';
      await stack.cloud.fault({ action, contains: instanceId, kind: 'slow', factor: 10_000 });
      await somebody[action]({ InstanceIds: [instanceId] });
      const { plan, exitCode } = await planned(...flags(instanceId));
      assert.equal(exitCode, 0);
      assert.ok(plan);
      assert.ok(plan.busy?.includes(state), plan.busy);
      assert.equal(plan.source?.wasRunning, wasRunning);
      assert.equal(plan.dryRuns[0]?.answer, 'unasked');
    }
  });

  test('a running build: the same spec would join it, another one is refused', async () => {
    const instanceId = await stack.instance({ region });
    const name = `held-${instanceId}`;
    await stack.cloud.fault({ action: 'CreateImage', contains: name, kind: 'image-never-finishes' });
    const handle = await stack.start({ region, instanceId, image: { name } });
    const { imageId } = await untilProgress(handle, (progress) => progress.imageId !== undefined);
    const same = await planned(...flags(instanceId, '--image-name', name));
    assert.equal(same.exitCode, 0);
    assert.deepEqual([same.running?.sameSpec, same.plan], [true, undefined]);
    const other = await planned(...flags(instanceId));
    assert.equal(other.exitCode, 1);
    assert.equal(other.running?.buildId, same.running?.buildId);
    assert.deepEqual([other.problems[0]?.step, other.problems[0]?.code], ['start', 'ConflictError']);
    assert.ok(other.problems[0]?.message.includes(handle.workflowId));
    assert.equal(other.plan?.source?.wasRunning, true, 'the build starts it again');
    await stack.cloud.send('POST', 'interfere', { act: 'finish-image', id: imageId });
    await handle.result();
  });

  test('the down-time is measured on builds of the instance, its family, its region', async () => {
    const family = ['--family', 'measured'];
    const first = await stack.instance({ region, dataDisks: 1 });
    const spec: BuildSpecInput = { region, instanceId: first, image: { name: `m-${first}`, family: 'measured' } };
    const started = await startBuild(stack.client, spec, { taskQueue: stack.taskQueue });
    const { source, steps } = await started.result();
    const down = source.downTimeSeconds!;
    const [own, worked] = await until(async () => {
      const { downTime } = await planned(...flags(first, ...family));
      return downTime?.[0]?.basis === 'measured' ? downTime : undefined;
    });
    assert.deepEqual([own?.leastSeconds, own?.mostSeconds, own?.builds], [down, down, [started.buildId]]);
    assert.deepEqual(own?.from, ['one build of this instance']);
    // Nobody has built it by snapshots: worked out from the steps that would count.
    const took = (step: string) => steps.find((one) => one.step === step)!.seconds;
    assert.equal(worked?.basis, 'estimated');
    assert.equal(worked.mostSeconds, took('shutdownInstance') + took('snapshotDisks') + took('restoreInstance'));

    const second = await stack.instance({ region, dataDisks: 1 });
    const [sibling] = (await planned(...flags(second, ...family))).downTime!;
    assert.deepEqual([sibling?.basis, sibling?.builds], ['measured', [started.buildId]]);
    assert.deepEqual(sibling?.from, ['one build of image family measured']);
    const stopped = await stack.instance({ region, state: 'STOPPED' });
    const none = (await planned(...flags(stopped))).downTime;
    assert.deepEqual(
      none?.map(({ basis }) => basis),
      ['none', 'none'],
    );
  });

  test('ends with 2 for a wrong spec, and within seconds with 1 when no worker is there', async () => {
    const wrong = await run(['build', '--plan', '--region', 'guangzhou', '--instance', 'ins-web00001']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /expected a region/);
    const { code, stderr, seconds } = await run(flags('ins-web00001'), { CVM_IMAGE_TASK_QUEUE: 'nobody-here' });
    assert.equal(code, 1);
    assert.match(stderr, /No worker takes work from task queue nobody-here/);
    assert.ok(seconds < 30, `it took ${seconds} s`);
    await until(async () => {
      for await (const { status } of stack.client.workflow.list({
        query: `WorkflowType = '${planWorkflowType}' AND TaskQueue = 'nobody-here'`,
      })) {
        return status.name === 'TERMINATED' ? true : undefined;
      }
      return undefined;
    });
  });

  test('started from the Web UI with a wrong spec, it says what is wrong', async () => {
    const handle = await stack.client.workflow.start(planWorkflowType, {
      ...{ workflowId: 'plan-of-nothing', taskQueue: stack.taskQueue, args: [{ region }] },
    });
    await assert.rejects(handle.result(), (error: unknown) => {
      assert.ok(error instanceof WorkflowFailedError);
      assert.match(error.cause?.message ?? '', /instanceId: missing/);
      return true;
    });
  });
});
