/**
 * Other people's clients, unchanged, against the simulator: `npm run test:clients [name…]`. Each does a full round with
 * a simulator of its own: who am I, the usual errors, stop, snapshot, image, launch, share, copy, tag, delete. Afterwards the
 * simulator is asked whether the round left anything behind and whether it really called what it was to call.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { developmentAccount, otherAccount, type Simulator, startSimulator } from '../../simulator';
import { SimulatorControl } from '../support/simulator';
import { buildGoRound, installPythonClients, type PythonClients, sources } from './install';
import { nodeRound } from './node-round';
import { type Place, placeVariables } from './place';
import { tccliRound } from './tccli-round';

const run = promisify(execFile);

/** Actions that every round must have called with success. */
const mustCall =
  'GetCallerIdentity DescribeInstances StopInstances StartInstances CreateSnapshot DescribeSnapshots CreateImage ' +
  'DescribeImages RunInstances TerminateInstances ModifyImageSharePermission SyncImages CopySnapshotCrossRegions ' +
  'TagResources GetResources DeleteImages DeleteSnapshots';

/** Errors that every round must have provoked. */
const mustProvoke =
  'InvalidInstanceId.NotFound InvalidImageName.Duplicate InvalidImageId.InShared InvalidImageId.NotFound ' +
  'UnsupportedOperation.InstanceStateStopped';

interface Client {
  readonly title: string;
  /** Fetches what the round needs and gives the round. */
  readonly prepare: () => Promise<(place: Place) => Promise<void>>;
}

let pythonClients: Promise<PythonClients> | undefined;
const python = (): Promise<PythonClients> => (pythonClients ??= installPythonClients());

const clients: Readonly<Record<string, Client>> = {
  node: {
    title: 'Node.js SDK',
    prepare: () => Promise.resolve(nodeRound),
  },
  python: {
    title: 'Python SDK',
    prepare: async () => {
      const { python: command, environment } = await python();
      return async (place) => {
        const env = { ...environment, ...placeVariables(place) };
        await run(command, [path.join(sources, 'python', 'round.py')], { env, timeout: 120_000 });
      };
    },
  },
  tccli: {
    title: 'tccli',
    prepare: async () => {
      const { tccli: command, environment } = await python();
      return (place) => tccliRound(place, { command, environment });
    },
  },
  go: {
    title: 'Go SDK',
    prepare: async () => {
      const program = await buildGoRound();
      return async (place) => {
        await run(program, { env: { ...process.env, ...placeVariables(place) }, timeout: 120_000 });
      };
    },
  },
};

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !(name in clients));
  if (unknown !== undefined) throw new Error(`unknown client "${unknown}": use ${Object.keys(clients).join(', ')}`);
  const chosen = names.length === 0 ? Object.keys(clients) : names;
  const passed = await Promise.all(chosen.map(tell));
  const failures = passed.filter((one) => !one).length;
  process.stdout.write(`clients: ${chosen.length - failures} passed, ${failures} failed\n`);
  return failures === 0 ? 0 : 1;
}

/** Does one client's round and says how it went. */
async function tell(name: string): Promise<boolean> {
  const { title, prepare } = clients[name]!;
  const simulator = await startSimulator({ speed: 6000, rateScale: 0, strictAnswers: true });
  const [region, otherRegion, instanceId] = ['ap-shanghai', 'ap-tokyo', 'ins-round000'];
  simulator.seed({ instances: [{ region, id: instanceId, dataDisks: 1 }] });
  const place: Place = { port: simulator.port, region, otherRegion, instanceId, otherAccount };
  try {
    const began = performance.now();
    const round = await prepare();
    const ready = performance.now();
    await round(place);
    const calls = await checkAfterwards(simulator, place);
    const seconds = (from: number, to: number): string => ((to - from) / 1000).toFixed(1);
    const times = `installed in ${seconds(began, ready)} s, ran in ${seconds(ready, performance.now())} s`;
    process.stdout.write(`✔ ${title}: ${calls} calls; ${times}\n`);
    return true;
  } catch (error) {
    const { stdout = '', stderr = '', message } = error as { stdout?: string; stderr?: string; message: string };
    const said = [message, stdout, stderr].filter((text) => text.trim() !== '').join('\n');
    process.stdout.write(`✖ ${title}: ${said.trim().replaceAll('\n', '\n    ')}\n`);
    return false;
  } finally {
    await simulator.close();
  }
}

/** The source runs, nothing else is left, everything was called and nothing went wrong in the simulator itself. */
async function checkAfterwards(simulator: Simulator, place: Place): Promise<number> {
  const control = new SimulatorControl(simulator.url);
  for (const region of [place.region, place.otherRegion]) {
    const { instances, images, snapshots, disks } = await control.state(region);
    const left = [...images, ...snapshots].filter((row) => row.account === developmentAccount).map((row) => row.id);
    assert.deepEqual(left, [], `left behind in ${region}`);
    const states = instances.map((row) => `${row.id} ${row.state}`);
    assert.deepEqual(states, region === place.region ? [`${place.instanceId} RUNNING`] : []);
    assert.equal(disks.length, region === place.region ? 2 : 0, `disks in ${region}`);
  }
  const calls = simulator.calls();
  const called = new Set(calls.filter((call) => call.outcome === 'OK').map((call) => call.action));
  assert.deepEqual(
    mustCall.split(' ').filter((action) => !called.has(action)),
    [],
    'never called with success',
  );
  const provoked = new Set(calls.map((call) => call.outcome));
  assert.deepEqual(
    mustProvoke.split(' ').filter((code) => !provoked.has(code)),
    [],
    'errors never provoked',
  );
  const wrong = calls.filter((call) => call.outcome === 'InternalError');
  assert.deepEqual(wrong, [], 'answers that do not fit the description of the API');
  return calls.length;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    process.stderr.write(`clients: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
