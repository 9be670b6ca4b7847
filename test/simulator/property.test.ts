import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Image, type Snapshot } from '../../simulator/state/records';
import { type Simulator, startSimulator } from '../../simulator/index';
import { assertSettled, assertSound, type CloudRows, type RegionRows } from './invariants';
import { Dice } from '../support/dice';
import { type RandomCall, RandomCalls } from './random-calls';
import { advance, Cloud, CloudError, developmentKey, type Fields, otherKey, stopClock } from './support';

/** `SIMULATOR_SEED=…` repeats a run, `SIMULATOR_STEPS=…` makes it longer. */
const seed = Number(process.env.SIMULATOR_SEED ?? randomInt(2 ** 31));
const steps = Number(process.env.SIMULATOR_STEPS ?? 2500);
const accounts = ['100000000001', '100000000002'];
const keys = [developmentKey, otherKey];
const regions = ['ap-guangzhou', 'ap-tokyo'];
// Low, so that they are met.
const instanceQuota = 10;
const snapshotQuota = 12;
const imageQuota = 4;

test(`thousands of random calls leave the cloud sound (seed ${seed})`, async (t) => {
  t.diagnostic(`seed ${seed}, ${steps} steps`);
  const dataDir = await mkdtemp(join(tmpdir(), 'simulator-'));
  const dice = new Dice(seed);
  const calls = new RandomCalls(dice, accounts, regions);
  let simulator = await open(dataDir);
  t.after(async () => {
    await simulator.close();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
  });
  simulator.seed({
    instances: [
      { id: 'ins-tyo00001', region: 'ap-tokyo', dataDisks: 1 },
      { id: 'ins-tyo00002', region: 'ap-tokyo', account: accounts[1]!, state: 'STOPPED', dataDisks: 2 },
      { id: 'ins-gzo00001', region: 'ap-guangzhou', account: accounts[1]!, dataDisks: 1 },
    ],
    instanceQuota: Object.fromEntries(regions.map((region) => [region, instanceQuota])),
    imageQuota: Object.fromEntries(regions.map((region) => [region, imageQuota])),
    snapshotQuota: Object.fromEntries(regions.map((region) => [region, snapshotQuota])),
  });
  await stopClock(simulator.url);

  const outcomes = new Map<string, number>();
  let rows = look(simulator);
  for (let step = 1; step <= steps; step++) {
    const account = dice.upTo(2);
    const region = dice.one(regions)!;
    const call = calls.next(rows, accounts[account]!, region);
    const where = `step ${step}, ${call.action} ${JSON.stringify(call.params)} in ${region} by ${accounts[account]!}`;
    try {
      const outcome = await ask(new Cloud(simulator.port, region, keys[account]), call);
      const key = `${call.action} ${outcome}`;
      outcomes.set(key, (outcomes.get(key) ?? 0) + 1);
      const before = rows.regions[region];
      rows = look(simulator);
      assertSound(rows, instanceQuota);
      if (outcome === 'OK') assertAllowed(call, accounts[account]!, before, rows.regions[region]);
      if (dice.chance(0.5)) await advance(simulator.url, dice.chance(0.5) ? 'next' : dice.upTo(60));
      if (step % Math.ceil(steps / 5) === 0) simulator = await restarted(simulator, dataDir);
      rows = look(simulator);
      assertSound(rows, instanceQuota);
    } catch (error) {
      throw new Error(`${where} (SIMULATOR_SEED=${seed}): ${String(error)}`, { cause: error });
    }
  }
  await advance(simulator.url, 7200);
  rows = look(simulator);
  assertSound(rows, instanceQuota);
  assertSettled(rows);

  // A run that was only ever refused proves nothing.
  const succeeded = new Set([...outcomes.keys()].filter((key) => key.endsWith(' OK')).map((key) => key.split(' ')[0]!));
  t.diagnostic(`${outcomes.size} different outcomes, ${succeeded.size} actions succeeded`);
  if (steps >= 2000)
    for (const action of actionsThatMustSucceed) assert.ok(succeeded.has(action), `${action} never succeeded`);
});

const actionsThatMustSucceed = [
  ...['RunInstances', 'StopInstances', 'StartInstances', 'TerminateInstances', 'CreateImage', 'DeleteImages'],
  ...['CreateSnapshot', 'DeleteSnapshots', 'CreateDisks', 'DetachDisks', 'ImportKeyPair'],
];

/** Fixed, since what is left to chance here follows from request IDs, which no seed repeats. */
const durations = {
  ...{ stop: 30, start: 30, reboot: 40, launch: 40, terminate: 15 },
  ...{ createDisk: 5, attach: 5, detach: 5, expand: 10, tail: 3 },
};

async function open(dataDir: string): Promise<Simulator> {
  return startSimulator({ dataDir, strictAnswers: true, speed: 60, rateScale: 0, durations });
}

/** Closes and opens it again: everything is as it was. */
async function restarted(simulator: Simulator, dataDir: string): Promise<Simulator> {
  const before = structuredClone(look(simulator));
  await simulator.close();
  const again = await open(dataDir);
  assert.deepEqual(look(again), before, 'the restart changed something');
  return again;
}

function look(simulator: Simulator): CloudRows {
  return simulator.state() as CloudRows;
}

/** The code of the answer, or OK. The shape of the answer and the code are checked by `Cloud`. */
async function ask(cloud: Cloud, { action, params }: RandomCall): Promise<string> {
  try {
    await cloud.ask(action, params);
    return 'OK';
  } catch (error) {
    if (!(error instanceof CloudError)) throw error;
    assert.ok(!error.code.startsWith('InternalError'), String(error));
    return error.code;
  }
}

/** What was deleted could be deleted, and what was made had room. */
function assertAllowed(
  call: RandomCall,
  account: string,
  before: RegionRows | undefined,
  after: RegionRows | undefined,
): void {
  const params = call.params as Fields & Record<'ImageIds' | 'SnapshotIds', string[]>;
  const image = (id: string): Image | undefined => before?.images.find((row) => row.id === id);
  const snapshot = (id: string): Snapshot | undefined => before?.snapshots.find((row) => row.id === id);
  if (call.action === 'DeleteImages') {
    for (const id of params.ImageIds) {
      const row = image(id);
      assert.equal(row?.account, account, `${id} is not the caller's`);
      assert.ok(
        row.shares.length === 0 && ['NORMAL', 'CREATEFAILED'].includes(row.state),
        `${id} could not be deleted`,
      );
    }
  }
  if (call.action === 'DeleteSnapshots') {
    for (const id of params.SnapshotIds) {
      const row = snapshot(id);
      assert.equal(row?.account, account, `${id} is not the caller's`);
      assert.ok(row.shares.length === 0 && row.state === 'NORMAL', `${id} could not be deleted`);
      if (params.DeleteBindImages !== true) assert.equal(row.imageIds.length, 0, `${id} was bound`);
    }
  }
  if (call.action === 'CreateSnapshot' || call.action === 'CreateSnapshotGroup') {
    const count = after?.snapshots.filter((row) => row.account === account && row.state !== 'TORECYCLE').length ?? 0;
    assert.ok(count <= snapshotQuota, `${count} snapshots`);
  }
}
