import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Worker } from '@temporalio/worker';
import assert from 'node:assert/strict';
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { checkUpWorkflowType, searchAttributes } from '../../contract';
import { startTemporalServer } from '../../dev/temporal-server/server';
import { version } from '../../package.json';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { type CommandOutcome, runCommand } from '../support/command';

const role = 'qcs::cam::uin/100000000001:roleName/ImageBuilder';
const withoutDryRun = [
  ...['StopInstances', 'StartInstances', 'TerminateInstances', 'ModifyImageAttribute', 'ModifyImageSharePermission'],
  ...['SyncImages', 'CreateSnapshot', 'DeleteSnapshots', 'CopySnapshotCrossRegions', 'TerminateDisks'],
  ...['TagResources', 'UnTagResources'],
];

interface Check {
  name: string;
  kind: string;
  health: string;
  found: string;
  advice?: string;
  code?: string;
  requestId?: string;
}
interface Told {
  type: string;
  exitCode: number;
  checks: Check[];
}

function toldBy({ stdout, stderr, code }: CommandOutcome): Told {
  assert.notEqual(stdout, '', stderr);
  const told = JSON.parse(stdout) as Told;
  assert.deepEqual([told.type, told.exitCode], ['doctor', code], stderr);
  return told;
}

function check({ checks }: Told, name: string): Check {
  const found = checks.find((one) => one.name === name);
  assert.ok(found, `there is no ${name} in ${JSON.stringify(checks)}`);
  return found;
}

/** The API actions that the activities call, by their sources. */
function actionsInUse(): string[] {
  const folder = path.resolve(__dirname, '../../../activities');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const text = files.map((file) => readFileSync(path.join(folder, file), 'utf8')).join('\n');
  const calls = text.matchAll(/\bcall\(\s*'(?:cvm|cbs|sts|tag)',\s*'(\w+)'/g);
  return [...new Set([...calls].map(([, action]) => action!))].sort();
}

const wrongIn = ({ checks }: Told) => checks.filter(({ health }) => health === 'wrong').map(({ name }) => name);

/** `cvm-image doctor` as a process, against a real server and worker. */
describe('cvm-image doctor', () => {
  let stack: BuildStack;
  const workers: ChildProcessWithoutNullStreams[] = [];
  before(async () => {
    stack = await startBuildStack({
      settings: {
        allow: {
          roles: [role],
          regions: ['ap-guangzhou', 'ap-tokyo', 'ap-singapore', 'ap-nowhere'],
          sourceTag: { key: 'image', value: 'yes' },
        },
        webhooks: { ops: { url: 'http://127.0.0.1:9/with-a-secret', key: 'whsec_c2VjcmV0' } },
      },
    });
    await stack.cloud.seed({ imageQuota: { 'ap-guangzhou': 100, 'ap-tokyo': 1 } });
    await stack.cloud.seed({ images: [{ region: 'ap-tokyo', name: 'the-only-one' }] });
  });
  after(async () => {
    for (const worker of workers) worker.kill('SIGKILL');
    await stack.stop();
  });

  const run = (args: string[] = [], env: NodeJS.ProcessEnv = {}) =>
    runCommand(['doctor', ...args], {
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: stack.temporal.namespace,
      CVM_IMAGE_TASK_QUEUE: stack.taskQueue,
      ...env,
    });
  const asked = async (...args: string[]) => toldBy(await run([...args, '--json']));

  test('all is well: each line says what was found, and nothing was changed', async () => {
    const before = await stack.cloud.state('ap-guangzhou');
    const since = new Date().toISOString();
    const told = await asked();
    assert.equal(told.exitCode, 0);
    assert.deepEqual(wrongIn(told), []);
    assert.match(check(told, 'temporal').found, new RegExp(`^${stack.temporal.address}, server \\d+\\.\\d+`));
    assert.ok(check(told, 'namespace').found.startsWith(stack.temporal.namespace));
    assert.equal(check(told, 'search attributes').found, 'all there');
    const worker = check(told, 'worker').found;
    for (const part of [`version ${version}`, `${process.pid}@`, 'installation test', `polls ${stack.taskQueue}`]) {
      assert.ok(worker.includes(part), `${part} is not in: ${worker}`);
    }
    assert.match(check(told, 'allow list').found, /ap-guangzhou, ap-tokyo.*image=yes.*ImageBuilder/);
    assert.equal(check(told, 'webhooks').found, 'ops');
    assert.doesNotMatch(JSON.stringify(told), /secret|c2VjcmV0/, 'names only');
    assert.match(check(told, 'credentials').found, /account 100000000001/);
    assert.match(check(told, 'region').found, /^ap-guangzhou, \d+ instances$/);
    assert.match(check(told, 'quota').found, /of 100 custom images/);
    assert.match(check(told, 'role').found, /ImageBuilder can be assumed, account 100000000001/);
    const permissions = told.checks.filter(({ kind }) => kind === 'permission');
    const named = (health: string) => permissions.filter((one) => one.health === health).map(({ name }) => name);
    const lookUps = [
      'DescribeInstances',
      'DescribeImages',
      'DescribeImageQuota',
      'DescribeImageSharePermission',
      'DescribeImageFromFamily',
      'DescribeDisks',
      'DescribeSnapshots',
    ];
    assert.deepEqual(named('ok'), [...lookUps, 'CreateImage', 'RunInstances', 'DeleteImages']);
    assert.deepEqual(named('unknown'), withoutDryRun);
    const documented = readFileSync(path.resolve(__dirname, '../../../docs/worker.md'), 'utf8');
    const examined = ['GetCallerIdentity', ...permissions.map(({ name }) => name)];
    assert.deepEqual(actionsInUse(), examined.sort(), 'every action that an activity calls is examined');
    for (const action of examined) assert.ok(documented.includes(`\`${action}\``), `docs/worker.md lacks ${action}`);

    assert.deepEqual(await stack.cloud.state('ap-guangzhou'), before);
    const actions = new Set((await stack.cloud.calls({ since })).map(({ action }) => action));
    const others = [...actions].filter((action) => !/^(Describe|Get)/.test(action));
    assert.deepEqual(others.sort(), ['AssumeRole', 'CreateImage', 'DeleteImages', 'RunInstances']);
  });

  test('people read it: a mark a line, what cannot be told in one', async () => {
    const { code, stdout } = await run();
    assert.equal(code, 0);
    assert.match(stdout, /^✓ temporal +127\.0\.0\.1:\d+, server/);
    assert.match(stdout, /\n✓ credentials +account/);
    assert.match(stdout, /\n\? permissions +StopInstances, .*UnTagResources: cannot be told beforehand.*\n +→ /);
    assert.match(stdout, /All is well; 12 cannot be told\.\n$/);
  });

  for (const action of ['DeleteImages', 'DescribeSnapshots', 'CreateImage']) {
    test(`a denied ${action} shows at its line, with code, RequestId and what to do`, async () => {
      const fault = { action, kind: 'error', code: 'UnauthorizedOperation', message: 'CAM denies it.', times: 2 };
      const id = await stack.cloud.fault({ region: 'ap-singapore', ...fault });
      const told = await asked('--region', 'ap-singapore');
      const fired = (await stack.cloud.calls({ action })).filter(({ faults }) => faults.includes(id));
      assert.equal(told.exitCode, 1);
      assert.deepEqual(wrongIn(told), [action]);
      const { code, requestId, advice } = check(told, action);
      assert.deepEqual([code, requestId], ['UnauthorizedOperation', fired[0]?.requestId]);
      assert.match(advice ?? '', /CAM identity/);
      const { stdout } = await run(['--region', 'ap-singapore']);
      assert.match(
        stdout,
        new RegExp(`✗ ${action} +CAM denies it \\(UnauthorizedOperation, RequestId .*\\)\n +→ Grant`),
      );
      assert.match(stdout, /One thing is wrong; 12 cannot be told\./);
    });
  }

  test('credentials that the cloud refuses: said, with the variable; the rest is not looked at', async () => {
    const code = 'AuthFailure.SecretIdNotFound';
    const id = await stack.cloud.fault({ action: 'GetCallerIdentity', kind: 'error', code, message: 'Not found.' });
    const told = await asked();
    assert.equal(
      (await stack.cloud.calls({ action: 'GetCallerIdentity' })).filter(({ faults }) => faults.includes(id)).length,
      1,
    );
    assert.equal(told.exitCode, 1);
    assert.deepEqual(wrongIn(told), ['credentials']);
    assert.match(check(told, 'credentials').advice ?? '', /TENCENTCLOUD_SECRET_ID/);
    assert.equal(told.checks.at(-1)?.name, 'credentials');
  });

  test('a full quota, a region that does not exist, one that is not allowed', async () => {
    const full = await asked('--region', 'ap-tokyo');
    assert.equal(full.exitCode, 1);
    assert.deepEqual(wrongIn(full), ['quota']);
    assert.match(check(full, 'quota').found, /1 of 1 custom images in ap-tokyo: there is no room/);
    assert.match(check(full, 'quota').advice ?? '', /Delete custom images/);
    assert.match(check(full, 'CreateImage').found, /there is no idle instance in ap-tokyo to ask about/);
    const nowhere = await asked('--region', 'ap-nowhere');
    assert.equal(nowhere.exitCode, 1);
    assert.deepEqual([wrongIn(nowhere), check(nowhere, 'region').code], [['region'], 'UnsupportedRegion']);
    const denied = await asked('--region', 'ap-beijing');
    assert.equal(denied.exitCode, 1);
    assert.match(check(denied, 'region').found, /builds only in ap-guangzhou/);
    assert.deepEqual(await stack.cloud.calls({ region: 'ap-beijing' }), []);
  });

  test('no worker, or one that has just died: said within seconds', async () => {
    const nobody = await run([], { CVM_IMAGE_TASK_QUEUE: 'nobody-here' });
    assert.equal(nobody.code, 1);
    assert.match(nobody.stdout, /✗ worker +nobody polls task queue nobody-here\n +→ Start one: cvm-image worker/);
    assert.match(nobody.stdout, /What comes after it was not looked at/);
    assert.ok(nobody.seconds < 25, `it took ${nobody.seconds} s`);

    const queue = `dying-${process.pid}`;
    const script = path.resolve(__dirname, '../support/worker-process.js');
    const { address, namespace } = stack.temporal;
    const worker = spawn(process.execPath, [script, address, namespace, queue, stack.cloud.url]);
    workers.push(worker);
    await once(worker.stdout, 'data');
    assert.equal((await run([], { CVM_IMAGE_TASK_QUEUE: queue })).code, 0);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    const dead = await run([], { CVM_IMAGE_TASK_QUEUE: queue });
    assert.equal(dead.code, 1);
    assert.match(dead.stdout, new RegExp(`✗ worker +No worker takes work from task queue ${queue}`));
    assert.match(dead.stdout, new RegExp(`${worker.pid}@.* \\(seen .* ago\\)`));
    assert.ok(dead.seconds < 30, `it took ${dead.seconds} s`);
    const query = `WorkflowType = '${checkUpWorkflowType}' AND TaskQueue = '${queue}' AND ExecutionStatus = 'Running'`;
    assert.equal((await stack.client.workflow.count(query)).count, 0, 'no question is left waiting');
  });

  test('a worker that is older than the command: said, and the question is not left behind', async () => {
    const workflowBundle = await bundleWorkflowCode({
      workflowsPath: path.resolve(__dirname, '../replay/changed-build.js'),
      logger: new DefaultLogger('ERROR'),
    });
    const { address, namespace } = stack.temporal;
    const connection = await NativeConnection.connect({ address });
    const taskQueue = `old-${process.pid}`;
    const worker = await Worker.create({ connection, namespace, taskQueue, workflowBundle });
    await worker.runUntil(async () => {
      const told = toldBy(await run(['--json', '--task-queue', taskQueue]));
      assert.equal(told.exitCode, 1);
      assert.match(check(told, 'worker').found, /fails to run checkUp: it may be older than this command/);
    });
    await connection.close();
  });

  test('Temporal out of reach, or without the namespace: ends with 3 and says what to do', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    server.close();
    await once(server, 'close');
    const away = await run([], { TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
    assert.equal(away.code, 3);
    assert.match(
      away.stdout,
      new RegExp(`^✗ temporal +Temporal cannot be reached at 127\\.0\\.0\\.1:${port} .*\n +→ Check`),
    );
    assert.match(away.stdout, /What comes after it was not looked at/);
    assert.ok(away.seconds < 25, `it took ${away.seconds} s`);

    const lost = toldBy(await run(['--json', '--namespace', 'nowhere']));
    assert.equal(lost.exitCode, 3);
    assert.deepEqual(wrongIn(lost), ['namespace']);
    assert.match(check(lost, 'namespace').advice ?? '', /temporal operator namespace create --namespace nowhere/);
  });

  test('missing search attributes are said, and --fix registers them', async () => {
    const bare = await startTemporalServer({ searchAttributes: { ImageRegion: 'Keyword', ImageFamily: 'Keyword' } });
    try {
      const env = { TEMPORAL_ADDRESS: bare.address, TEMPORAL_NAMESPACE: bare.namespace };
      const missing = toldBy(await run(['--json'], env));
      assert.equal(missing.exitCode, 1);
      const { health, found, advice } = check(missing, 'search attributes');
      assert.equal(health, 'wrong');
      assert.match(found, /BuildId/);
      assert.match(advice ?? '', /doctor --fix[\s\S]*search-attribute create .* --name BuildId --type Keyword/);

      const fixed = toldBy(await run(['--fix', '--json'], env));
      assert.match(check(fixed, 'search attributes').found, /^all there; registered .*BuildId/);
      const connection = await Connection.connect({ address: bare.address });
      const client = new Client({ connection, namespace: bare.namespace });
      for (const name of Object.keys(searchAttributes)) await client.workflow.count(`${name} = 'none'`);
      await connection.close();
      assert.equal(check(toldBy(await run(['--json'], env)), 'search attributes').found, 'all there');
    } finally {
      await bare.stop();
    }
  });
});
