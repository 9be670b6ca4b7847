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
    assert.equal(lines[0], 'Image web-2026 of ins-web00001 · ap-guangzhou · imaging · 1 min 35 s · build we…');
    assert.equal(lines[1], '✓ inspectSource               2 s');
    assert.equal(lines[4], '✓ snapshotDisks              57 s  snap-11111111, snap-22222222');
    assert.equal(lines[5], '· createImage');
    assert.equal(lines[6], '▶ pollImage                  34 s  ~41 % (estimated)  image img-11111111: CREAT…');
    assert.equal(lines[9], '– launchInstance');
    assert.equal(lines.length, 10);
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
    assert.equal(lines[6], `    ↳ attempt 3 in 5 s, after: ${message}`);
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
    assert.equal(frame(refused, options)[7], '    ↳ too many requests (Busy, RequestId r-2)');
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
    assert.equal(lines[1], '✗ createImage: no room');
    assert.deepEqual(lines.slice(-3), [
      'undo',
      '▶ restoreInstance            25 s',
      '! no worker is polling task queue builds; the build waits',
    ]);
  });

  test('fits: no line is wider than the terminal, no frame higher', () => {
    const view = viewWith(
      { inspectSource: ran(0, 1), createImage: { ...ran(61), note: '镜像正在创建中，请稍候'.repeat(9) } },
      { notes: ['n'.repeat(300)] },
    );
    for (const columns of [20, 41, 80]) {
      for (const text of frame(view, { ...options, columns })) assert.ok(displayWidth(text) <= columns, text);
    }
    const low = frame(view, { ...options, rows: 4 });
    assert.equal(low.length, 4);
    assert.ok(low.some((text) => text.includes('createImage')));
    assert.ok(low[3]!.startsWith('! nnn'));
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
