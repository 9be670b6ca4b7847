import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ScheduleState } from '../../client';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { commandEnv, noTrace, runCommand } from '../support/command';
import { until } from '../support/judge';
import { pipelineOf, region, startRelease, untilRelease } from '../support/releases';

describe('the verbs of schedules', { concurrency: 2 }, () => {
  let stack: BuildStack;
  let home: string;
  before(async () => {
    home = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-schedule-'));
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(async () => {
    await stack.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const command = (...args: string[]) => runCommand(args, commandEnv(stack, home));
  /** Runs it, and holds it to its exit code. */
  const expect = async (code: number, ...args: string[]) => {
    const outcome = await command(...args);
    assert.equal(outcome.code, code, `${args.join(' ')}: ${outcome.stdout}${outcome.stderr}`);
    noTrace(outcome);
    return outcome;
  };
  const fileOf = (pipeline: object & { family: string }) => {
    const file = path.join(home, `${pipeline.family}.json`);
    writeFileSync(file, JSON.stringify(pipeline));
    return file;
  };

  test('from its creation to its end', async () => {
    const pipeline = await pipelineOf(stack, {}, { dataDisks: 0 });
    const file = fileOf(pipeline);
    const short = `${region}/${pipeline.family}`;
    const id = `golden-image/${short}`;
    const untimed = await expect(2, 'schedule', 'create', '-f', file);
    assert.match(untimed.stderr, /schedule/);

    const times = ['--cron', '0 2 * * *', '--time-zone', 'Asia/Shanghai'];
    const created = await expect(0, 'schedule', 'create', '-f', file, ...times);
    assert.match(created.stdout, new RegExp(`^Schedule ${id} is created\\. The next run is due at .*T18:00:00`));
    const again = await expect(2, 'schedule', 'create', '-f', file, ...times);
    assert.match(again.stderr, /There is a schedule .* already\. Change it with: cvm-image schedule update/);

    const updated = await expect(0, 'schedule', 'update', '-f', file, '--every', '12h', '--pause-after', '5', '--json');
    const { outcome, changes } = JSON.parse(updated.stdout) as { outcome: string; changes: { path: string }[] };
    assert.equal(outcome, 'updated');
    assert.ok(changes.some(({ path: where }) => where === 'schedule.pauseAfter'));
    const same = await expect(0, 'schedule', 'update', '-f', file, '--every', '12h', '--pause-after', '5');
    assert.match(same.stdout, /^Nothing has changed\./);

    await expect(0, 'schedule', 'pause', short, '--note', 'a freeze');
    assert.match((await expect(0, 'schedule', 'list')).stdout, new RegExp(`${id} +paused: a freeze +none yet`));
    const paused = JSON.parse((await expect(0, 'schedule', 'show', short, '--json')).stdout) as ScheduleState;
    assert.deepEqual([paused.paused, paused.note], [true, 'a freeze']);
    await expect(0, 'schedule', 'resume', id);
    assert.match((await expect(0, 'schedule', 'show', short)).stdout, /times +every 12 h/);

    await expect(0, 'schedule', 'delete', short);
    for (const verb of ['show', 'pause', 'resume', 'trigger', 'delete']) {
      const gone = await expect(2, 'schedule', verb, short);
      assert.match(gone.stderr, new RegExp(`There is no schedule ${id}`), verb);
    }
  });

  test('apply, diff, trigger and backfill of a pipeline that waits for approval: what is in the way is told', async () => {
    const schedule = { cron: ['0 2 * * *'], timeZone: 'Asia/Shanghai' };
    const pipeline = await pipelineOf(stack, { approve: {}, schedule }, { dataDisks: 0 });
    const file = fileOf(pipeline);
    const short = `${region}/${pipeline.family}`;
    const id = `golden-image/${short}`;
    assert.match((await expect(1, 'pipeline', 'diff', '-f', file)).stdout, /There is no schedule .* yet/);
    await expect(0, 'pipeline', 'apply', '-f', file);
    assert.match((await expect(0, 'pipeline', 'diff', '-f', file)).stdout, /Nothing would change/);

    // It follows the run until somebody has to decide.
    const triggered = await expect(4, 'schedule', 'trigger', short);
    assert.match(triggered.stdout, /A run of .* is started\.[^]*waits for approval/);
    const twice = await expect(2, 'schedule', 'trigger', short);
    assert.match(twice.stderr, new RegExp(`A run of ${id} is at work since .*Nothing was started[^]*cvm-image show`));
    assert.match(
      (await expect(0, 'schedule', 'list')).stdout,
      /a run since .* that waits for approval: cvm-image approve/,
    );
    await expect(0, 'approve', id, '--by', 'Ada');

    const stateOf = async () =>
      JSON.parse((await expect(0, 'schedule', 'show', short, '--json')).stdout) as ScheduleState;
    const released = await until(async () => {
      const state = await stateOf();
      return state.last && !state.blockedBy ? state : undefined;
    });
    assert.equal(released.last?.outcome, 'released');

    const backwards = await expect(2, 'schedule', 'backfill', short, '--from', '2026-11-22', '--to', '2026-11-20');
    assert.match(backwards.stderr, /--from comes after --to/);
    const unclear = await expect(2, 'schedule', 'backfill', short, '--from', 'yesterday', '--to', '2026-11-20');
    assert.match(unclear.stderr, /--from: expected a date or time/);
    const times = ['--from', '2026-11-20', '--to', '2026-11-21'];
    const byHand = await startRelease(stack, { ...pipeline, schedule: undefined });
    await untilRelease(byHand, ({ waiting }) => waiting !== undefined);
    const skipped = await expect(2, 'schedule', 'backfill', short, ...times);
    assert.match(skipped.stderr, new RegExp(`A run of ${id} is at work .*by hand, and the times would be skipped`));
    await byHand.cancel();
    await byHand.result().catch(() => undefined);
    await expect(0, 'schedule', 'backfill', short, ...times);
    await until(async () => ((await stateOf()).blockedBy?.phase === 'waiting' ? true : undefined));
    await expect(0, 'reject', id, '--by', 'Ada', '--reason', 'wrong kernel');
    const rejected = await until(async () => {
      const state = await stateOf();
      return state.last?.outcome === 'rejected' && !state.blockedBy ? state : undefined;
    });
    assert.equal(rejected.last?.nominalAt, '2026-11-20T18:00:00.000Z');
    assert.match(rejected.last.reason ?? '', /wrong kernel/);
    await expect(0, 'schedule', 'delete', short);
  });
});
