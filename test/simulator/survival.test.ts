import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index';
import { directory, finish, kill, run } from './process';
import { Cloud, control, type Key, type Row, until } from './support';

const isState = (name: string): boolean => /^state-\d+\.jsonl$/.test(name);

const seededAt = Date.UTC(2024, 0, 15, 8);

/** Whether the log knows of a deletion that was applied, though its caller was never told. */
function deletedIn(calls: readonly Row[], id: string): boolean {
  return calls.some(
    (call) =>
      String(call.action).startsWith('Delete') && call.applied === true && (call.resources as string[]).includes(id),
  );
}

describe('a simulator that is killed', { concurrency: true }, () => {
  test('goes on where time is, with all that it had acknowledged', async (t) => {
    const data = await directory(t);
    const first = await run(t, '--data', data, '--speed', '600', '--durations', 'stop=300,image=6000');
    const cloud = new Cloud(first.port);
    const token = { ImageId: 'img-ubuntu24', Placement: { Zone: 'ap-guangzhou-3' }, ClientToken: 'kept' };
    const { InstanceIdSet } = await cloud.ask('RunInstances', token);
    const { ImageId } = await cloud.ask('CreateImage', { ImageName: 'n', InstanceId: 'ins-api00001' });
    await cloud.ask('StopInstances', { InstanceIds: ['ins-web00001'] });
    const role = { RoleArn: 'qcs::cam::uin/100000000001:roleName/ImageBuilder', RoleSessionName: 'survivor' };
    const credentials = (await cloud.ask('AssumeRole', role)).Credentials as {
      Token: string;
      TmpSecretId: string;
      TmpSecretKey: string;
    };
    const key: Key = {
      secretId: credentials.TmpSecretId,
      secretKey: credentials.TmpSecretKey,
      token: credentials.Token,
    };
    await control(first.url, 'POST', '/faults', { action: 'StartInstances', kind: 'error', code: 'InternalError' });
    await control(first.url, 'PUT', '/disks/disk-webdata1/content', { content: 'new' });
    await control(first.url, 'POST', '/durations', { start: 1 });
    await kill(first);
    const segments = (await readdir(data)).filter((name) => name.startsWith('segment-')).sort();
    await appendFile(join(data, segments.at(-1)!), '{"put":{"instan');

    const second = await run(t, '--data', data, '--speed', '600');
    const again = new Cloud(second.port);
    assert.deepEqual((await again.ask('RunInstances', token)).InstanceIdSet, InstanceIdSet);
    assert.equal((await again.image(String(ImageId))).ImageState, 'CREATING');
    await again.settled('ins-web00001', 'STOPPED');
    await again.ask('GetCallerIdentity', {}, { key });
    await again.refused('InternalError', 'StartInstances', { InstanceIds: ['ins-web00001'] });
    await again.ask('StartInstances', { InstanceIds: ['ins-web00001'] });
    assert.equal((await control(second.url, 'GET', '/disks/disk-webdata1/content')).content, 'new');
    assert.deepEqual(await control(second.url, 'GET', '/durations'), { start: 1 });
    const { calls } = (await control(second.url, 'GET', '/calls?action=CreateImage')) as { calls: Row[] };
    assert.equal(calls.length, 1);
    await again.imageDone(String(ImageId));
    await again.settled('ins-api00001', 'STOPPED');
  });

  test('loses nothing when it is killed in the middle of work, and does nothing that its log does not know', async (t) => {
    const data = await directory(t);
    const first = await run(t, '--data', data, '--speed', '6000');
    const cloud = new Cloud(first.port);
    const told: { requestId: string; made?: string; deleted?: string; tagged?: [id: string, value: string] }[] = [];
    const launch = { ImageId: 'img-ubuntu24', Placement: { Zone: 'ap-guangzhou-3' } };
    let killed: Promise<void> | undefined;
    const tell = (answer: Row, effect: object): void => {
      told.push({ requestId: String(answer.RequestId), ...effect });
      if (told.length === 400) killed = kill(first);
    };
    const work = async (number: number): Promise<void> => {
      for (let round = 0; ; round++) {
        const group = await cloud.ask('CreateSecurityGroup', { GroupName: `g${number}`, GroupDescription: '' });
        const id = String((group.SecurityGroup as Row).SecurityGroupId);
        tell(group, { made: id });
        if (round % 5 === 0) {
          const answer = await cloud.ask('RunInstances', launch);
          tell(answer, { made: (answer.InstanceIdSet as string[])[0]! });
        }
        const value = `${number}-${round}`;
        const disk = ['disk-websys01', 'disk-webdata1', 'disk-webdata2', 'disk-apidata1'][number]!;
        const Resource = `qcs::cvm:ap-guangzhou:uin/100000000001:volume/${disk}`;
        const tags = { Resource, ReplaceTags: [{ TagKey: 'round', TagValue: value }] };
        tell(await cloud.ask('ModifyResourceTags', tags), { tagged: [disk, value] });
        tell(await cloud.ask('DeleteSecurityGroup', { SecurityGroupId: id }), { deleted: id });
      }
    };
    const ends = await Promise.allSettled([0, 1, 2, 3].map(work));
    for (const end of ends)
      if (end.status === 'rejected') assert.match(String(end.reason), /ECONN|socket hang up|EPIPE/);
    assert.ok(killed !== undefined);
    await killed;

    const second = await run(t, '--data', data, '--speed', '6000');
    const again = new Cloud(second.port);
    const { calls } = (await control(second.url, 'GET', '/calls')) as { calls: Row[] };
    const logged = new Map(calls.map((call) => [call.requestId, call]));
    const state = (await control(second.url, 'GET', '/state?region=ap-guangzhou')) as {
      regions: Record<string, Record<'instances' | 'securityGroups' | 'disks', Row[]>>;
    };
    const { instances, securityGroups, disks } = state.regions['ap-guangzhou']!;
    const there = new Set([...instances, ...securityGroups].map((row) => row.id));
    const gone = new Set(told.flatMap(({ deleted }) => deleted ?? []));
    const values = new Map<string, string>();
    for (const { requestId, made, deleted, tagged } of told) {
      assert.equal(logged.get(requestId)?.outcome, 'OK', `${requestId} is not in the log`);
      if (made !== undefined && !gone.has(made))
        assert.ok(there.has(made) || deletedIn(calls, made), `${made} is lost`);
      if (deleted !== undefined) assert.ok(!there.has(deleted), `${deleted} is back`);
      if (tagged !== undefined) values.set(...tagged);
    }
    // A call may have been applied and logged just before the kill, without its caller ever knowing.
    for (const [id, value] of values) {
      const round = ((disks.find((row) => row.id === id)?.tags ?? {}) as Record<string, string>).round ?? '';
      const [, last = ''] = value.split('-');
      assert.ok(
        [Number(last), Number(last) + 1].includes(Number(round.split('-')[1])),
        `${id} says ${round}, not ${value}`,
      );
    }
    const madeInLog = new Set(
      calls.filter((call) => call.applied === true).flatMap((call) => call.resources as string[]),
    );
    for (const row of [...instances, ...securityGroups])
      if (row.createdAt !== seededAt) assert.ok(madeInLog.has(String(row.id)), `nobody asked for ${String(row.id)}`);
    await again.ask('DescribeInstances');
  });

  test('embedded: closing and opening keeps the state, the seed is not planted again', async (t) => {
    const dataDir = await directory(t);
    const first = await startSimulator({ dataDir });
    await control(first.url, 'POST', '/interfere', { act: 'terminate-instance', id: 'ins-web00002' });
    await first.close();
    const second = await startSimulator({ dataDir });
    t.after(() => second.close());
    assert.equal(
      (await new Cloud(second.port).ask('DescribeInstances', { InstanceIds: ['ins-web00002'] })).TotalCount,
      0,
    );
  });

  test('embedded: what an earlier version wrote is read, though its rows have fewer fields', async (t) => {
    const dataDir = await directory(t);
    const first = await startSimulator({ dataDir });
    await control(first.url, 'POST', '/interfere', { act: 'terminate-instance', id: 'ins-web00002' });
    // Settled, so that the state of the beginning is there.
    await until('the state', async () => ((await readdir(dataDir)).some(isState) ? true : undefined));
    await first.close();
    const files = (await readdir(dataDir)).sort((one, other) => Number(isState(other)) - Number(isState(one)));
    const lines = (await Promise.all(files.map((name) => readFile(join(dataDir, name), 'utf8')))).join('');
    await Promise.all(files.map((name) => rm(join(dataDir, name))));
    const old = lines.replaceAll(
      /,"(?:groupId":null|shares":\[\]|booted":true|loopback":null|encrypted":false(?=,"snapshots))/g,
      '',
    );
    assert.notEqual(old, lines);
    await writeFile(join(dataDir, 'journal.jsonl'), old);
    const second = await startSimulator({ dataDir, rateScale: 0 });
    t.after(() => second.close());
    const cloud = new Cloud(second.port);
    assert.equal((await cloud.ask('DescribeInstances', { InstanceIds: ['ins-web00002'] })).TotalCount, 0);
    await cloud.ask('CreateSnapshot', { DiskId: 'disk-apidata1' });
    await cloud.ask('DescribeSnapshots');
    await cloud.ask('DescribeImages');
    assert.ok((await readdir(dataDir)).every((name) => name !== 'journal.jsonl'));
  });
});

describe('the command', { concurrency: true }, () => {
  test('says what is wrong in one line', async (t) => {
    const { port } = await run(t);
    const taken = await finish('--port', String(port));
    assert.deepEqual([taken.code, taken.err], [1, `simulator: port ${port} on 127.0.0.1 is already in use\n`]);
    const open = await finish('--host', '0.0.0.0');
    assert.equal(open.code, 1);
    assert.match(open.err, /^simulator: .*loopback.*\n$/);
    for (const port of ['99999', '-1', '1.5']) {
      const { code, err } = await finish(`--port=${port}`);
      assert.deepEqual([code, err], [1, `simulator: the port must be a whole number from 0 to 65535, not ${port}\n`]);
    }
    const elsewhere = await finish('--host', '::1', '--port', '0', '--rate-scale=-1');
    assert.deepEqual(
      [elsewhere.code, elsewhere.err],
      [1, 'simulator: the rate scale must be a number from 0, not -1\n'],
    );
    const unknown = await finish('--durations', 'nap=3');
    assert.match(unknown.err, /^simulator: unknown duration "nap"/);
    for (const [args, why] of [
      [['--port', '-1'], /Option '--port' argument is ambiguous\. Did you forget/],
      [['--durations', 'toString=3'], /unknown duration "toString"/],
      [['--durations', 'stop=Infinity'], /duration "stop" must be at most/],
      [['--switch', 'strictScope=maybe'], /switch "strictScope" must be true or false$/],
      [['--switch', 'tornShare=2'], /switch "tornShare" must be from 0 to 1$/],
      [['--switch', 'describeLag=-1'], /switch "describeLag" must be a number from 0$/],
      [['--switch', 'constructor=1'], /unknown switch "constructor"/],
    ] as const) {
      const { code, err } = await finish(...args);
      assert.equal(code, 1, err);
      assert.match(err, /^simulator: [^\n]+\n$/);
      assert.match(err.trimEnd(), why);
    }
    const help = await finish('--help');
    assert.equal(help.code, 0);
    assert.match(help.out, /--seed-file/);
  });

  test('ends on SIGTERM', async (t) => {
    const { child } = await run(t);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    assert.equal(code, 0);
  });
});
