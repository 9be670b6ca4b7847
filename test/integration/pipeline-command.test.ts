import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { BuildView, ReleaseSummary } from '../../client';
import type { PipelineInput, Release } from '../../contract';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { commandEnv, linesOf, noTrace, runCommand } from '../support/command';
import { ids, until } from '../support/judge';
import { familyInCloud, pipelineOf, region, release } from '../support/releases';

const partner = '100000000002';

describe('the verbs of pipelines', { concurrency: 3 }, () => {
  let stack: BuildStack;
  let home: string;
  before(async () => {
    home = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-pipeline-'));
    stack = await startBuildStack();
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(async () => {
    await stack.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const command = (...args: string[]) => runCommand(args, commandEnv(stack, home));
  const fileOf = (pipeline: object & { family: string }) => {
    const file = path.join(home, `${pipeline.family}.json`);
    writeFileSync(file, JSON.stringify(pipeline));
    return file;
  };

  test('run, approve, show, current, rollback', async () => {
    const pipeline = await pipelineOf(stack, { approve: {} }, { dataDisks: 0 });
    const { family } = pipeline;
    const id = `golden-image/${region}/${family}`;
    const images: string[] = [];
    const unshared = (imageId: string) =>
      new RegExp(`${imageId} .* is shared with ${partner}.*: it is unshared, changed, and shared again`);
    for (const accounts of [[partner], []]) {
      const today: PipelineInput = { ...pipeline, distribute: { accounts } };
      const file = fileOf(today);
      // It follows until somebody has to decide.
      const started = await command('pipeline', 'run', '-f', file, '--by', 'Grace');
      assert.equal(started.code, 4, started.stdout + started.stderr);
      assert.match(started.stdout, /waits for approval\.[^]*cvm-image approve golden-image/);
      const again = await command('pipeline', 'run', '-f', file);
      assert.equal(again.code, 2);
      assert.match(again.stderr, /is at work already/);
      // The visibility index is late.
      await until(async () => {
        const listed = await command('list', '--waiting', '--family', family, '--json');
        return (JSON.parse(listed.stdout) as { workflowId: string }[]).some(({ workflowId }) => workflowId === id)
          ? true
          : undefined;
      });
      const approved = await command('approve', id, '--by', 'Ada', '--reason', 'looks good');
      assert.equal(approved.code, 0, approved.stdout + approved.stderr);
      // What counts is who has the image that is current now, whatever the pipeline says today.
      if (images.length === 0) assert.doesNotMatch(approved.stderr, /unshared/);
      else assert.match(approved.stderr, unshared(images[0]!));
      assert.match(approved.stdout, /The candidate is approved by Ada\.[^]*released in/);
      const shown = await command('release', 'show', id, '--json');
      const release = JSON.parse(shown.stdout) as Release;
      assert.deepEqual([release.outcome, release.triggered.by, release.decision?.by], ['released', 'Grace', 'Ada']);
      images.push(release.images[0]!.imageId);
      assert.match(
        (await command('release', 'show', release.buildId)).stdout,
        new RegExp(`${images.at(-1)!}.*current`),
      );
      const current = await command('current', family, '--region', region);
      assert.equal(current.stdout, `${images.at(-1)!}\n`);
      noTrace(approved);
    }
    const listed = await command('release', 'list', '--family', family);
    assert.match(listed.stdout, /^RELEASE +OUTCOME +PIPELINE[^]*(release-\w+ +released +golden-image[^]*){2}$/);
    const [first, second] = images as [string, string];
    const rolled = await command('family', 'rollback', family, '--region', region, '--reason', 'it crashes');
    assert.equal(rolled.code, 0, rolled.stderr);
    // Both take the change: the one no longer answers for the family, the other does again. Only this one is shared.
    assert.match(rolled.stderr, unshared(first));
    assert.doesNotMatch(rolled.stderr, new RegExp(`${second} .* is shared`));
    assert.match(rolled.stdout, new RegExp(`${first} is the current image of ${family}.*instead of ${second}`));
    assert.deepEqual((await familyInCloud(stack.cloud, family)).answers, [first]);
    const table = await command('family', 'show', family, '--region', region);
    assert.match(table.stdout, new RegExp(`${second}.*withdrawn`));
    const families = await command('family', 'list', '--region', region);
    assert.match(families.stdout, new RegExp(`${family} +2 +${first}`));
    const nothing = await command('family', 'rollback', family, '--region', region);
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /was current before/);
    noTrace(nothing);
  });

  test('family retire: a dry run says what would go and why; deleting needs a yes', async () => {
    const pipeline = await pipelineOf(stack, { retire: { keep: 1 } }, { dataDisks: 0 });
    const { family } = pipeline;
    const kept = { ...pipeline, retire: {} };
    const all: string[] = [];
    for (const count of [1, 2, 3]) {
      const nominalAt = `2026-11-0${count}T00:00:00Z`;
      all.push((await release(stack, kept, { nominalAt })).images[0]!.imageId);
    }
    const [oldest, previous, newest] = all as [string, string, string];
    const retire = (...args: string[]) => command('family', 'retire', family, '--region', region, ...args);
    const dry = await retire('-f', fileOf(pipeline), '--dry-run');
    assert.equal(dry.code, 0, dry.stderr);
    assert.match(dry.stdout, new RegExp(`${oldest}.* would go .*old, not one of the newest 1`));
    assert.match(dry.stdout, new RegExp(`${previous}.* stays .*was current before`));
    assert.match(dry.stdout, new RegExp(`${newest}.* stays .*is the current one`));
    const lines = linesOf(await retire('--keep', '1', '--dry-run', '--json'));
    assert.deepEqual(
      lines.map(({ imageId, outcome }) => [imageId, outcome]),
      [
        [newest, 'stays'],
        [previous, 'stays'],
        [oldest, 'would go'],
      ],
    );
    const none = await retire('--dry-run');
    assert.match(none.stderr, /Nothing of .* is to go/);
    const unasked = await retire('--keep', '1');
    assert.deepEqual([unasked.code, unasked.stdout], [2, '']);
    assert.match(unasked.stderr, /with --yes/);
    const young = await retire('--younger-than', '7d', '--dry-run');
    assert.match(young.stderr, /goes with --keep/);
    assert.match((await retire('--keep', 'all', '--dry-run')).stderr, /--keep: /);
    assert.equal((await familyInCloud(stack.cloud, family)).images.length, 3);

    const done = await retire('--keep', '1', '--yes');
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, new RegExp(`${oldest}.* deleted `));
    assert.deepEqual(ids((await familyInCloud(stack.cloud, family)).images), [previous, newest].sort());
    for (const outcome of [dry, unasked, young, done]) noTrace(outcome);
  });

  /** A release whose promotion the cloud refuses, once: it is held. */
  const held = async () => {
    const pipeline = await pipelineOf(stack, { onFailure: 'hold' }, { dataDisks: 0 });
    const fired = await stack.cloud.armed({
      action: 'ModifyImageAttribute',
      contains: pipeline.family,
      kind: 'error',
      code: 'InvalidParameterValue.InvalidImageFamily',
      message: 'not today',
      when: 'before',
    });
    const ran = await command('pipeline', 'run', '-f', fileOf(pipeline));
    await fired();
    assert.equal(ran.code, 4, ran.stdout + ran.stderr);
    return { pipeline, id: `golden-image/${region}/${pipeline.family}` };
  };

  test('a release that is held is listed among the builds, with its stage, and held longer; it is not paused', async () => {
    const { pipeline, id } = await held();
    const { family, source } = pipeline;
    const { instanceId } = source as { instanceId: string };
    // The visibility index is late.
    const listed = await until(async () => {
      const all = JSON.parse(
        (await command('list', '--held', '--family', family, '--json')).stdout,
      ) as ReleaseSummary[];
      return all.length > 0 ? all : undefined;
    });
    assert.deepEqual(
      listed.map(({ kind, workflowId, phase, held, instanceId: of }) => ({ kind, workflowId, phase, held, of })),
      [
        {
          kind: 'release',
          workflowId: id,
          phase: 'held',
          held: { step: 'promote', code: 'InvalidParameterValue.InvalidImageFamily' },
          of: instanceId,
        },
      ],
    );
    const table = (await command('list', '--instance', instanceId)).stdout.split('\n');
    assert.match(table[1]!, new RegExp(`^release-\\w+ +held \\(promote\\) +${region}/${instanceId} .*${id}$`));
    assert.match(table[2]!, new RegExp(`completed +${region}/${instanceId} .*build-image/${region}/${instanceId}$`));
    const before = JSON.parse((await command('show', id, '--json')).stdout) as BuildView;
    const extended = await command('extend', id, '--by', '2h');
    assert.equal(extended.code, 0, extended.stderr);
    const later = new Date(Date.parse(before.held!.until) + 7_200_000).toISOString();
    assert.equal(extended.stdout, `The deadline of hold is 2 h 00 min later: ${later}.\n`);
    const of = await command('extend', id, '--by', '2h', '--of', 'pollImage');
    assert.equal(of.code, 2);
    assert.match(
      of.stderr,
      new RegExp(`only hold, approve and room can be put off.*cvm-image extend build-image/${region}/${instanceId}`),
    );
    const paused = await command('pause', id);
    assert.deepEqual([paused.code, paused.stdout], [2, '']);
    assert.match(paused.stderr, new RegExp(`Only builds can be paused; ${id} is a release`));
    assert.match(paused.stderr, new RegExp(`cvm-image schedule pause ${id}`));
    assert.equal((await command('retry', id)).code, 0);
    const late = await command('extend', id, '--by', '2h');
    assert.deepEqual([late.code, late.stderr], [2, `The release is over already: ${id}\n`]);
    for (const outcome of [extended, of, paused, late]) noTrace(outcome);
    await until(async () => {
      const [now] = JSON.parse((await command('list', '--family', family, '--json')).stdout) as ReleaseSummary[];
      return now?.phase === 'completed' && now.held === undefined ? true : undefined;
    });
  });

  test('reject ends with 1, and says why', async () => {
    const pipeline = await pipelineOf(stack, { approve: {} }, { dataDisks: 0 });
    const file = fileOf(pipeline);
    const waiting = await command('pipeline', 'run', '-f', file, '--json');
    assert.equal(waiting.code, 4);
    const last = linesOf(waiting).at(-1) as { type: string; waiting: { until: string } };
    assert.equal(last.type, 'waiting');
    const id = `golden-image/${region}/${pipeline.family}`;
    const [extended] = linesOf(await command('extend', id, '--by', '90m', '--json'));
    const until = new Date(Date.parse(last.waiting.until) + 5_400_000).toISOString();
    assert.deepEqual(extended, { type: 'extended', workflowId: id, of: 'approve', until, seconds: 5400 });
    const rejected = await command('reject', id, '--by', 'Ada', '--reason', 'wrong kernel');
    assert.equal(rejected.code, 0, rejected.stderr);
    const watched = await command('watch', id);
    assert.equal(watched.code, 1);
    assert.match(watched.stdout, /was rejected by Ada: wrong kernel/);
    const shown = JSON.parse((await command('release', 'show', id, '--json')).stdout) as Release;
    assert.equal(shown.outcome, 'rejected');
    const late = await command('approve', id);
    assert.equal(late.code, 2);
    assert.match(late.stderr, /is over already/);
    const none = await command('current', pipeline.family, '--region', region);
    assert.deepEqual([none.code, none.stdout], [2, '']);
    assert.match(none.stderr, /has no current image/);
  });

  test('a pipeline that is wrong is told with its place in the file, without Temporal', async () => {
    const file = path.join(home, 'wrong.yaml');
    writeFileSync(file, 'region: ap-guangzhou\nfamily: web\nsource: { instanceId: ins-web00001 }\ntset: {}\n');
    const outcome = await runCommand(['pipeline', 'run', '-f', file], { HOME: home, TEMPORAL_ADDRESS: '127.0.0.1:1' });
    assert.equal(outcome.code, 2);
    assert.match(outcome.stderr, /wrong\.yaml: tset: unknown key; did you mean test\?/);
  });
});
