import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type BuildStack, startBuildStack } from '../support/build-stack';
import { until } from '../support/judge';
import { Program } from '../support/program';

/**
 * The output of `--json` as docs/cli.md promises it, on the output of real builds. A field with a question mark may be
 * absent; that it is there at all is seen where the test asks for it.
 */
interface Shape {
  [field: string]: Field;
}
type Kind = 'string' | 'number' | 'boolean' | 'object' | 'time';
/** A list has the shape of its entries in brackets. */
type Field = Kind | Shape | [Kind | Shape];

const run: Shape = { workflowId: 'string', runId: 'string', buildId: 'string' };
const activity: Shape = {
  name: 'string',
  attempt: 'number',
  state: 'string',
  'wait?': {
    waitingFor: 'string',
    'percent?': 'number',
    'estimated?': 'boolean',
    'estimatedFrom?': 'number',
    'problem?': { code: 'string', message: 'string', 'requestId?': 'string' },
  },
  'lastFailure?': { code: 'string', message: 'string', 'requestId?': 'string' },
  'nextAttemptAt?': 'time',
};
const line: Shape = {
  state: 'string',
  'startedAt?': 'time',
  'endedAt?': 'time',
  'note?': 'string',
  'activity?': activity,
};
const resource: Shape = { type: 'string', id: 'string', fate: 'string', 'note?': 'string' };
const snapshot: Shape = { snapshotId: 'string', diskId: 'string', usage: 'string', size: 'number' };
const result: Shape = {
  buildId: 'string',
  region: 'string',
  image: { imageId: 'string', name: 'string', size: 'number', snapshotIds: ['string'], 'family?': 'string' },
  snapshots: [snapshot],
  'instance?': {
    instanceId: 'string',
    name: 'string',
    zone: 'string',
    privateIps: ['string'],
    publicIps: ['string'],
    systemDiskId: 'string',
    dataDisks: [{ diskId: 'string', 'snapshotId?': 'string', size: 'number' }],
  },
  source: { instanceId: 'string', wasRunning: 'boolean', 'downTimeSeconds?': 'number', 'downTimes?': ['number'] },
  steps: [{ step: 'string', seconds: 'number' }],
  resources: [resource],
};
const failure: Shape = {
  buildId: 'string',
  'step?': 'string',
  code: 'string',
  message: 'string',
  'advice?': 'string',
  'requestId?': 'string',
  resources: [resource],
  'source?': 'string',
};
const view: Shape = {
  ...run,
  region: 'string',
  instanceId: 'string',
  'imageName?': 'string',
  'imageId?': 'string',
  status: 'string',
  phase: 'string',
  startedAt: 'time',
  'endedAt?': 'time',
  'failure?': 'string',
  'held?': 'object',
  'paused?': 'object',
  'sourceDownSince?': 'time',
  notes: ['string'],
  'outcome?': { status: 'string', 'result?': result, 'failure?': failure },
  steps: [{ step: 'string', resources: ['string'], ...line }],
  undo: [{ name: 'string', ...line }],
};
const type = { type: 'string' } as const;
const shapes = {
  started: { ...type, ...run, joined: 'boolean', undoing: 'boolean', taskQueue: 'string', 'webUi?': 'string' },
  'cancel-requested': { ...type, ...run },
  state: { ...type, build: view },
  result: {
    ...type,
    ...run,
    exitCode: 'number',
    status: 'string',
    'result?': result,
    'failure?': failure,
    'webUi?': 'string',
  },
  detached: { ...type, workflowId: 'string' },
  error: {
    ...type,
    error: 'string',
    message: 'string',
    exitCode: 'number',
    'problems?': [{ path: 'string', message: 'string', 'found?': 'string' }],
  },
  show: { ...view, spec: 'object', 'webUi?': 'string' },
  list: {
    ...run,
    region: 'string',
    instanceId: 'string',
    status: 'string',
    phase: 'string',
    'imageName?': 'string',
    'imageId?': 'string',
    'family?': 'string',
    startedAt: 'time',
    'endedAt?': 'time',
  },
  open: { webUi: 'string', ...run },
} satisfies Record<string, Shape>;

/** Checks a value against its shape, and notes which optional fields it has. */
function check(value: unknown, field: Field, at: string, seen: Set<string>): void {
  if (field === 'time') assert.match(String(value), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, at);
  else if (typeof field === 'string') assert.equal(typeof value, field, `${at} is ${JSON.stringify(value)}`);
  else if (Array.isArray(field)) {
    assert.ok(Array.isArray(value), `${at} is ${JSON.stringify(value)}`);
    for (const one of value) check(one, field[0], `${at}[]`, seen);
  } else {
    assert.ok(typeof value === 'object' && value !== null, `${at} is ${JSON.stringify(value)}`);
    for (const [name, inner] of Object.entries(field)) {
      const path = `${at}.${name.replace(/\?$/, '')}`;
      const found = (value as Record<string, unknown>)[name.replace(/\?$/, '')];
      if (found === undefined)
        assert.ok(name.endsWith('?'), `${path} is missing: ${JSON.stringify(value).slice(0, 500)}`);
      else {
        seen.add(path);
        check(found, inner, path, seen);
      }
    }
  }
}

const region = 'ap-guangzhou';

describe('--json', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-json-'));
  const seen = new Set<string>();
  let stack: BuildStack;
  before(async () => {
    stack = await startBuildStack({ simulator: { speed: 150 } });
    await stack.cloud.seed({ imageQuota: { [region]: 100 } });
  });
  after(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true });
  });

  const start = (...args: string[]) =>
    new Program('client/main.js', [...args, '--json'], {
      PATH: process.env.PATH,
      HOME: folder,
      TEMPORAL_ADDRESS: stack.temporal.address,
      TEMPORAL_NAMESPACE: stack.temporal.namespace,
      CVM_IMAGE_TASK_QUEUE: stack.taskQueue,
    });
  /** What a verb wrote: its lines of JSON, each checked against the shape of its type. */
  async function linesOf(program: Program): Promise<Record<string, unknown>[]> {
    await program.ended;
    const lines = program.output
      .trim()
      .split('\n')
      .filter((text) => text.startsWith('{'))
      .map((text) => JSON.parse(text) as { type: keyof typeof shapes } & Record<string, unknown>);
    for (const one of lines) check(one, shapes[one.type], one.type, seen);
    return lines;
  }
  const typesOf = (lines: Record<string, unknown>[]) => [...new Set(lines.map((one) => one.type))];
  const sees = (...fields: string[]) =>
    fields.forEach((field) => assert.ok(seen.has(field), `${field} was never there`));

  test('of a build that completes, and of list, show and open', async () => {
    const instanceId = await stack.instance({ region, dataDisks: 1 });
    const file = path.join(folder, 'spec.json');
    const spec = {
      region,
      instanceId,
      image: { name: `json-${instanceId}`, family: 'json' },
      launch: { zone: `${region}-3` },
    };
    writeFileSync(file, JSON.stringify(spec));
    assert.deepEqual(typesOf(await linesOf(start('build', '--spec', file))), ['started', 'state', 'result']);
    sees('started.webUi', 'state.build.imageName', 'state.build.imageId', 'state.build.endedAt');
    sees('state.build.steps[].activity.wait.percent', 'state.build.steps[].endedAt', 'state.build.sourceDownSince');
    sees('state.build.outcome.result', 'result.result.instance.dataDisks[].snapshotId', 'result.result.image.family');
    sees('result.result.source.downTimeSeconds', 'result.webUi', 'result.result.resources[].note');

    const one = start('show', instanceId);
    assert.equal(await one.ended, 0);
    check(JSON.parse(one.output), shapes.show, 'show', seen);
    const opened = start('open', instanceId);
    await opened.ended;
    check(JSON.parse(opened.output), shapes.open, 'open', seen);
    // Visibility follows by a moment.
    await until(async () => {
      const list = start('list', '--instance', instanceId);
      await list.ended;
      const [build] = JSON.parse(list.output) as { phase: string }[];
      if (build?.phase !== 'completed') return undefined;
      check(build, shapes.list, 'list', seen);
      return build;
    });
    sees('show.webUi', 'list.imageName', 'list.imageId', 'list.family', 'list.endedAt');
  });

  test('of a build that is refused again and again, left, cancelled and watched', async () => {
    const instanceId = await stack.instance({ region });
    await stack.cloud.fault({
      action: 'CreateImage',
      contains: instanceId,
      kind: 'http-502',
      when: 'before',
      times: 1000,
    });
    const started = start(
      'build',
      '--region',
      region,
      '--instance',
      instanceId,
      '--image-name',
      `json-${instanceId}`,
      '--detach',
    );
    assert.deepEqual(typesOf(await linesOf(started)), ['started']);
    const watching = start('watch', instanceId);
    await watching.says(/"problem":|"lastFailure":/);
    watching.signal('SIGINT');
    assert.deepEqual(typesOf(await linesOf(watching)), ['state', 'detached']);
    sees('state.build.steps[].activity.wait.problem.code');
    const lines = await linesOf(start('cancel', instanceId, '--wait'));
    assert.deepEqual(typesOf(lines), ['cancel-requested', 'state', 'result']);
    sees('state.build.undo[].name', 'state.build.failure', 'state.build.outcome.failure', 'result.failure');
    assert.deepEqual([lines.at(-1)!.status, lines.at(-1)!.exitCode], ['cancelled', 5]);
  });

  test('of a build that fails', async () => {
    const instanceId = await stack.instance({ region });
    await stack.cloud.fault({
      action: 'CreateImage',
      contains: instanceId,
      kind: 'error',
      code: 'ImageQuotaLimitExceeded',
      message: 'The image quota is exceeded.',
    });
    await linesOf(start('build', '--region', region, '--instance', instanceId, '--image-name', `json-${instanceId}`));
    sees('result.failure.step', 'result.failure.advice', 'result.failure.requestId', 'result.failure.source');
    sees('state.build.steps[].note');
  });

  test('of what is refused', async () => {
    const lines = await linesOf(start('build', '--region', 'gz', '--instance', 'x', '--image-name', 'y'));
    assert.deepEqual(typesOf(lines), ['error']);
    sees('error.problems[].found');
    assert.deepEqual(typesOf(await linesOf(start('show', 'ins-nowhere1'))), ['error']);
  });

  test('is what docs/cli.md says: every field has its name there', () => {
    const text = readFileSync(path.resolve(__dirname, '../../../docs/cli.md'), 'utf8');
    const section = text.slice(text.indexOf('## JSON'));
    const named = new Set([...section.matchAll(/`([\w-]+)`/g)].map(([, name]) => name!));
    const { state, started, detached, error, show, list, open } = shapes;
    for (const name of Object.keys(shapes).filter((one) => !['show', 'list', 'open'].includes(one)))
      assert.ok(named.has(name), name);
    for (const shape of [started, state.build, shapes.result, detached, error, show, list, open, activity, line]) {
      for (const field of Object.keys(shape))
        assert.ok(named.has(field.replace(/\?$/, '')), `${field} is not in docs/cli.md`);
    }
  });
});
