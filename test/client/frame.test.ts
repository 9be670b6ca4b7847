import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { frame } from '../../client/output/frame';
import { colorsFor, displayWidth, line, plain } from '../../client/output/text';
import { at, ran, viewWith } from './views';

const options = { colors: plain, columns: 80, rows: 24, now: at(95) };

describe('the live view', () => {
  test('has a line a step with state, time, percentage and what it waits for', () => {
    const lines = frame(
      viewWith({
        inspectSource: ran(0, 2),
        snapshotDisks: { ...ran(3, 60), resources: ['snap-11111111', 'snap-22222222'] },
        pollImage: {
          ...ran(61),
          activity: {
            name: 'pollImage',
            attempt: 1,
            state: 'working',
            wait: { waitingFor: 'image img-11111111: CREATING', percent: 41.7, estimated: true },
          },
        },
        launchInstance: { state: 'skipped' },
      }),
      options,
    );
    assert.equal(lines[0], 'Image web-2026 of ins-web00001 in ap-guangzhou');
    assert.equal(lines[1], 'imaging · 1 min 35 s · build web00001-0123456789ab');
    assert.equal(lines[2], '✓ inspectSource               2 s');
    assert.equal(lines[5], '✓ snapshotDisks              57 s  snap-11111111, snap-22222222');
    assert.equal(lines[6], '· createImage');
    assert.equal(lines[7], '▶ pollImage                  34 s  ~41 % (estimated)  image img-11111111: CREAT…');
    assert.equal(lines[10], '– launchInstance');
    assert.equal(lines.length, 11);
  });

  test('shows the attempt and the cloud’s message when something is retried, each fact once', () => {
    const message = 'CreateImage: the instance is busy (InvalidInstance.Busy, RequestId r-1)';
    const retried = viewWith({
      createImage: {
        ...ran(61),
        activity: {
          name: 'createImage',
          attempt: 3,
          state: 'retrying',
          nextAttemptAt: new Date(at(100)).toISOString(),
          lastFailure: { code: 'InvalidInstance.Busy', message, requestId: 'r-1' },
        },
      },
    });
    const lines = frame(retried, { ...options, columns: 200 });
    assert.equal(lines[7], `    ↳ attempt 3 in 5 s, after: ${message}`);
    const refused = viewWith({
      pollImage: {
        ...ran(61),
        activity: {
          name: 'pollImage',
          attempt: 1,
          state: 'working',
          wait: { waitingFor: 'image', problem: { code: 'Busy', message: 'too many requests', requestId: 'r-2' } },
        },
      },
    });
    assert.equal(frame(refused, options)[8], '    ↳ too many requests (Busy, RequestId r-2)');
  });

  test('shows what is undone, why, and what hinders it', () => {
    const lines = frame(
      viewWith(
        { createImage: { ...ran(61, 70), state: 'failed', note: 'no room' } },
        {
          phase: 'undoing',
          failure: 'createImage: no room',
          undo: [{ name: 'restoreInstance', ...ran(70) } as never],
          notes: ['no worker is polling task queue builds; the build waits'],
        },
      ),
      options,
    );
    assert.equal(lines[2], '✗ createImage: no room');
    assert.deepEqual(lines.slice(-3), [
      'undo',
      '▶ restoreInstance            25 s',
      '! no worker is polling task queue builds; the build waits',
    ]);
  });

  test('fits: no line is wider than the terminal, no frame higher, and what matters stays', () => {
    const view = viewWith(
      { inspectSource: ran(0, 1), createImage: { ...ran(61), note: '镜像正在创建中，请稍候'.repeat(9) } },
      { notes: ['n'.repeat(300)], imageName: '黄金镜像-é\u0301'.repeat(6), failure: 'it is busy '.repeat(40) },
    );
    for (const columns of [20, 40, 41, 80, 200]) {
      for (const text of frame(view, { ...options, columns })) assert.ok(displayWidth(text) <= columns, text);
    }
    for (let rows = 1; rows < 20; rows += 1) assert.ok(frame(view, { ...options, rows }).length <= rows);
    const low = frame(viewWith({ inspectSource: ran(0, 1), createImage: ran(61) }, { notes: ['no worker'] }), {
      ...options,
      rows: 4,
    });
    assert.deepEqual(
      low.map((text) => text.slice(0, 13)),
      ['Image web-202', 'imaging · 1 m', '▶ createImage', '! no worker'],
    );
  });

  test('says on a narrow terminal what a step does in a line of its own', () => {
    const wait = { waitingFor: 'image img-11111111: CREATING', percent: 41.7, estimated: true, estimatedFrom: 3 };
    const view = viewWith({
      pollImage: { ...ran(61), activity: { name: 'pollImage', attempt: 1, state: 'working', wait } },
    });
    const lines = frame(view, { ...options, columns: 40 });
    assert.deepEqual(lines.slice(7, 10), [
      '▶ pollImage                  34 s',
      '    ~41 % (estimated from 3 builds)',
      '    image img-11111111: CREATING',
    ]);
  });

  test('shows why a build is held or paused, and what that means', () => {
    const held = viewWith(
      { createImage: { ...ran(61, 70), state: 'failed' } },
      {
        phase: 'held',
        sourceDownSince: new Date(at(35)).toISOString(),
        held: {
          step: 'createImage',
          code: 'NoRoom',
          message: 'there is no room',
          advice: 'Delete an image.',
          since: new Date(at(70)).toISOString(),
          until: '2026-03-08T10:00:00.000Z',
          retryFrom: 'shutdownInstance',
          secondDownTime: true,
          imageStays: false,
        },
      },
    );
    const lines = frame(held, options);
    assert.equal(lines[1], 'held · 1 min 35 s · source down 1 min 00 s · build web00001-0123456789ab');
    assert.deepEqual(lines.slice(-4), [
      '! held until 2026-03-08T10:00:00Z; go on with: cvm-image retry',
      '  build-image/ap-guangzhou/ins-web00001',
      '! Delete an image.',
      '! a retry begins with shutdownInstance: the source goes down once more',
    ]);
    const paused = viewWith({}, { phase: 'paused', paused: { before: 'shutdownInstance', reason: 'office hours' } });
    assert.equal(
      frame(paused, options).at(-2),
      '! will pause before shutdownInstance (office hours); go on with: cvm-image',
    );
  });

  test('has a mark of its own for each state, so that colours say nothing more', () => {
    const states = ['pending', 'running', 'done', 'failed', 'cancelled', 'skipped'] as const;
    const marks = states.map((state) => frame(viewWith({ inspectSource: { state } }), options)[2]![0]);
    assert.equal(new Set(marks).size, states.length);
  });

  test('lets nothing through that could steer the terminal', () => {
    assert.equal(line(['a\x1b[2Jb\nc\r\u009bd'], plain), 'a [2Jb c d');
  });
});

describe('colours', () => {
  const terminal = { isTTY: true };
  const red = (stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv) => colorsFor(stream, env).red('x') !== 'x';

  test('are for terminals, unless NO_COLOR says otherwise', () => {
    assert.equal(red(terminal, {}), true);
    assert.equal(red(terminal, { NO_COLOR: '1' }), false);
    assert.equal(red(terminal, { NO_COLOR: '' }), true);
    assert.equal(red(terminal, { TERM: 'dumb' }), false);
    assert.equal(red({}, {}), false);
    assert.equal(red({}, { FORCE_COLOR: '1' }), true);
  });

  test('take no columns', () => {
    const colored = frame(viewWith({ inspectSource: ran(0, 1) }), { ...options, colors: colorsFor(terminal, {}) });
    const bare = frame(viewWith({ inspectSource: ran(0, 1) }), options);
    assert.deepEqual(
      colored.map((text) => stripVTControlCharacters(text)),
      bare,
    );
    assert.notDeepEqual(colored, bare);
  });
});
