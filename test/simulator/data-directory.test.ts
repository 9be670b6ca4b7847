import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { DirectoryInUseError, startSimulator } from '../../simulator/index';
import { Journal } from '../../simulator/state/journal';
import { lockDirectory } from '../../simulator/state/lock';
import { directory, finish, kill, run } from './process';
import { Cloud, control, type Row, until } from './support';

const lockOf = (data: string): string =>
  join(
    data,
    readdirSync(data)
      .filter((name) => name.startsWith('lock-'))
      .sort()
      .at(-1)!,
  );

const segments = (data: string): string[] => readdirSync(data).filter((name) => name.startsWith('segment-'));

describe('a data directory', { concurrency: true }, () => {
  test('belongs to one simulator at a time', async (t) => {
    const data = await directory(t);
    const first = await run(t, '--data', data);
    const second = await finish('--port', '0', '--data', data);
    assert.equal(second.code, 1);
    assert.equal(
      second.err,
      `simulator: the data directory ${data} is in use by process ${first.child.pid!}: stop that one first (kill ${first.child.pid!}), or give this one a directory of its own\n`,
    );
    await assert.rejects(startSimulator({ dataDir: data }), (error: unknown) => {
      assert.ok(error instanceof DirectoryInUseError);
      assert.equal(error.pid, first.child.pid);
      return true;
    });
    first.child.kill('SIGTERM');
    await once(first.child, 'exit');
    const embedded = await startSimulator({ dataDir: data });
    t.after(() => embedded.close());
    await assert.rejects(startSimulator({ dataDir: data }), DirectoryInUseError);
    await embedded.close();
    const again = await startSimulator({ dataDir: data });
    await again.close();
  });

  test('of one that was killed is taken over by exactly one of those that start at the same moment', async (t) => {
    const data = await directory(t);
    for (let round = 0; round < 3; round++) {
      const first = await run(t, '--data', data);
      await kill(first);
      assert.notEqual(statSync(lockOf(data)).size, 0, 'a killed simulator leaves its lock');
      const starters = await Promise.allSettled(Array.from({ length: 5 }, () => run(t, '--data', data)));
      const winners = starters.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      assert.equal(winners.length, 1);
      await new Cloud(winners[0]!.port).ask('DescribeInstances');
      await kill(winners[0]!);
    }
    assert.deepEqual(
      readdirSync(data).filter((name) => name.startsWith('lock')).length,
      1,
      'nothing is left of the others',
    );
  });

  test('is taken over when the number of the process belongs to another program by now', async (t) => {
    const data = await directory(t);
    const first = await run(t, '--data', data);
    await kill(first);
    const lock = lockOf(data);
    const { began } = JSON.parse(readFileSync(lock, 'utf8')) as { began: string };
    // This process runs, and is not the one that began at that time.
    writeFileSync(lock, JSON.stringify({ pid: process.pid, began }));
    lockDirectory(data)();
    writeFileSync(lockOf(data), JSON.stringify({ pid: process.pid, began: null }));
    assert.throws(() => lockDirectory(data), DirectoryInUseError, 'where the time is not told, the number counts');
  });

  test('that cannot be one is refused in one line', async (t) => {
    const file = join(await directory(t), 'file');
    writeFileSync(file, '');
    for (const data of [file, join(file, 'below')]) {
      const { code, err } = await finish('--port', '0', '--data', data);
      assert.deepEqual(
        [code, err],
        [1, `simulator: ${data} cannot be the data directory: there is a file in its place\n`],
      );
    }
  });

  test('is readable when the very first line was torn, and again after the next start', async (t) => {
    const data = await directory(t);
    writeFileSync(join(data, 'segment-00000000.jsonl'), '{"put":{"instan');
    // Killed before the state beside the segment is there.
    const journal = new Journal(data);
    assert.deepEqual([...journal.read()], []);
    journal.append({ put: { settings: [{ id: 'imageQuota/ap-tokyo', value: 3 } as never] } });
    await journal.close();
    const again = new Journal(data);
    assert.equal([...again.read()].length, 1);
    await again.close();
    const simulator = await startSimulator({ dataDir: data });
    await simulator.close();
  });

  test('stays readable when lines are torn again and again', async (t) => {
    const data = await directory(t);
    const made: string[] = [];
    for (let round = 0; round < 4; round++) {
      const simulator = await run(t, '--data', data);
      const cloud = new Cloud(simulator.port);
      for (const id of made) assert.equal((await cloud.ask('DescribeInstances', { InstanceIds: [id] })).TotalCount, 1);
      const launched = await cloud.ask('RunInstances', {
        ImageId: 'img-ubuntu24',
        Placement: { Zone: 'ap-guangzhou-3' },
      });
      made.push((launched.InstanceIdSet as string[])[0]!);
      await kill(simulator);
      await appendFile(join(data, segments(data).sort().at(-1)!), '{"call":{"action":"Torn"');
    }
  });

  test('that is damaged is refused with file and line, and the line stays as it is', async (t) => {
    const data = await directory(t);
    const first = await startSimulator({ dataDir: data });
    await first.close();
    const file = join(data, segments(data).sort().at(-1)!);
    writeFileSync(file, '{}\n{"put":{"insta{"put":{}}\n{}\n');
    for (let round = 0; round < 2; round++) {
      const { code, err } = await finish('--port', '0', '--data', data);
      assert.equal(code, 1);
      assert.ok(err.startsWith(`simulator: line 2 of ${file} is damaged, so the state cannot be read: put`), err);
      assert.equal(err.split('\n').length, 2);
    }
  });

  test('is rid of what a killed compaction left', async (t) => {
    const data = await directory(t);
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'state-00000003.jsonl.next'), '{"put"');
    const simulator = await startSimulator({ dataDir: data });
    await simulator.close();
    assert.deepEqual(
      readdirSync(data).filter((name) => name.endsWith('.next')),
      [],
    );
  });

  test('does not keep segments that no restart needs, however few calls there are', async (t) => {
    const data = await directory(t);
    const simulator = await startSimulator({ dataDir: data });
    t.after(() => simulator.close());
    const content = 'x'.repeat(900_000);
    for (let round = 0; round < 60; round++)
      await control(simulator.url, 'PUT', '/disks/disk-webdata1/content', { content });
    await until('the older segments to go', () => Promise.resolve(segments(data).length <= 3 ? true : undefined));
  });
});

describe('what has expired', { concurrency: true }, () => {
  const role = { RoleArn: 'qcs::cam::uin/100000000001:roleName/ImageBuilder', RoleSessionName: 'short' };
  const launch = { ImageId: 'img-ubuntu24', Placement: { Zone: 'ap-guangzhou-3' } };

  /** Rows that the files of a directory still know of, by table. */
  async function known(data: string): Promise<{ sessions: string[]; clientTokens: string[] }> {
    const journal = new Journal(data);
    const rows = { sessions: new Set<string>(), clientTokens: new Set<string>() };
    for (const { put, del } of journal.read()) {
      for (const table of ['sessions', 'clientTokens'] as const) {
        for (const { id } of put?.[table] ?? []) rows[table].add(id);
        for (const id of del?.[table] ?? []) rows[table].delete(id);
      }
    }
    await journal.close();
    return { sessions: [...rows.sessions], clientTokens: [...rows.clientTokens] };
  }

  for (const restarted of [false, true]) {
    test(`is deleted: ClientTokens and temporary keys, ${restarted ? 'at a start' : 'while it runs'}`, async (t) => {
      const dataDir = await directory(t);
      const options = { dataDir, rateScale: 0, speed: 60, switches: { clientTokenLifetime: 1 } };
      const simulator = await startSimulator(options);
      t.after(() => simulator.close());
      const cloud = new Cloud(simulator.port);
      await control(simulator.url, 'POST', '/clock', { stopped: true });
      for (let number = 0; number < 20; number++) {
        await cloud.ask('AssumeRole', { ...role, DurationSeconds: 1 });
        await cloud.ask('RunInstances', { ...launch, ClientToken: `token-${number}` });
      }
      const { Credentials } = await cloud.ask('AssumeRole', { ...role, DurationSeconds: 7200 });
      // Real time counts for keys: an hour and more.
      await control(simulator.url, 'POST', '/clock', { advance: 60 * 4000 });
      await cloud.ask('RunInstances', { ...launch, ClientToken: 'living' });
      if (restarted) {
        await simulator.close();
        await (await startSimulator(options)).close();
      } else {
        for (let round = 0; round < 1000; round++) await cloud.ask('DescribeZones');
        await simulator.close();
      }
      assert.deepEqual(await known(dataDir), {
        sessions: [(Credentials as Row).TmpSecretId],
        clientTokens: ['100000000001/ap-guangzhou/RunInstances/living'],
      });
    });
  }

  test('is still told from what never was: a key that ended a while ago', async (t) => {
    const simulator = await startSimulator({ rateScale: 0 });
    t.after(() => simulator.close());
    const cloud = new Cloud(simulator.port);
    const credentials = (await cloud.ask('AssumeRole', role)).Credentials as Record<string, string>;
    const key = {
      secretId: credentials.TmpSecretId!,
      secretKey: credentials.TmpSecretKey!,
      token: credentials.Token!,
    };
    await control(simulator.url, 'POST', '/interfere', { act: 'expire-keys' });
    for (let round = 0; round < 1001; round++) await cloud.ask('DescribeZones');
    await cloud.refused('AuthFailure.TokenFailure', 'DescribeZones', {}, { key });
  });
});

describe('a full disk', { concurrency: true }, () => {
  test('refuses what cannot be written, keeps what was acknowledged, and goes on when there is room', async (t) => {
    const data = await directory(t);
    const simulator = await run(t, '--data', data);
    const cloud = new Cloud(simulator.port);
    // The state of the beginning is written, so that nothing but the journal grows.
    await until('the state', async () =>
      (await readdir(data)).some((name) => /^state-\d+\.jsonl$/.test(name)) ? true : undefined,
    );
    const limit = (bytes: number | 'unlimited'): void => {
      execFileSync('prlimit', [`--pid=${simulator.child.pid!}`, `--fsize=${bytes}:`]);
    };
    limit(statSync(join(data, segments(data).sort().at(-1)!)).size + 8000);
    const group = async (number: number): Promise<string> => {
      const answer = await cloud.ask('CreateSecurityGroup', { GroupName: `g${number}`, GroupDescription: '' });
      return String((answer.SecurityGroup as Row).SecurityGroupId);
    };
    const told: string[] = [];
    let refused: unknown;
    for (let number = 0; refused === undefined && number < 45; number++) {
      await group(number).then(
        (id) => told.push(id),
        (error: unknown) => (refused = error),
      );
    }
    assert.match(String(refused), /InternalError: The simulator cannot write its state, so nothing was done: EFBIG/);
    assert.ok(told.length > 0);
    const groups = async (url: string): Promise<unknown[]> => {
      const state = (await control(url, 'GET', '/state?region=ap-guangzhou')) as {
        regions: Record<string, { securityGroups: Row[] }>;
      };
      const all = state.regions['ap-guangzhou']!.securityGroups;
      return all.filter(({ name }) => /^g\d+$/.test(String(name))).map(({ id }) => id);
    };
    assert.deepEqual(await groups(simulator.url), told, 'in memory is what was acknowledged');
    // What is shorter might still find room.
    limit(1);
    await cloud.refused('InternalError', 'StopInstances', { InstanceIds: ['ins-web00001'] });
    await assert.rejects(control(simulator.url, 'POST', '/durations', { stop: 1 }), /the state cannot be written/);
    assert.deepEqual(await control(simulator.url, 'GET', '/durations'), {});
    const { calls } = (await control(simulator.url, 'GET', '/calls?action=StopInstances')) as { calls: Row[] };
    assert.deepEqual(
      calls.map(({ outcome, applied }) => [outcome, applied]),
      [['InternalError', false]],
    );

    limit('unlimited');
    assert.equal((await cloud.instance('ins-web00001')).InstanceState, 'RUNNING');
    told.push(await group(1000));
    await kill(simulator);
    const again = await run(t, '--data', data);
    assert.deepEqual(await groups(again.url), told, 'on disk is what was acknowledged');
  });

  test('lets what was on its way happen later', async (t) => {
    const data = await directory(t);
    const simulator = await run(t, '--data', data, '--speed', '1');
    const cloud = new Cloud(simulator.port);
    await control(simulator.url, 'POST', '/clock', { stopped: true });
    await cloud.ask('StopInstances', { InstanceIds: ['ins-web00001'] });
    const limit = (bytes: number | 'unlimited'): void => {
      execFileSync('prlimit', [`--pid=${simulator.child.pid!}`, `--fsize=${bytes}:`]);
    };
    limit(1);
    await assert.rejects(control(simulator.url, 'POST', '/clock', { advance: 3600 }), /the state cannot be written/);
    await cloud.refused('InternalError', 'DescribeInstances');
    limit('unlimited');
    assert.equal((await cloud.instance('ins-web00001')).InstanceState, 'STOPPING');
    await control(simulator.url, 'POST', '/clock', { advance: 3600 });
    assert.equal((await cloud.instance('ins-web00001')).InstanceState, 'STOPPED');
  });
});
