import { randomBytes } from 'node:crypto';
import { tagKeys } from '../../../contract';
import { startSimulator } from '../../../simulator';
import { SimulatorControl } from '../../support/simulator';
import { type Door, openDoor } from './door';
import { Places } from './place';
import type { Key } from './scenario';
import { openServer, type Server } from './server';
import { durations, scale, settings, speed } from './timing';
import { type ActivityEvent, startWorker, type WorkerProcess, type WorkerWithKey } from './worker';

/** Each scenario has one of these for itself while it is played, so that nobody else is met there. */
const regions =
  'ap-guangzhou ap-shanghai ap-hongkong ap-nanjing ap-beijing ap-singapore ap-chengdu ap-chongqing ap-jakarta ap-seoul ap-tokyo ap-mumbai ap-bangkok na-ashburn na-siliconvalley sa-saopaulo eu-frankfurt'.split(
    ' ',
  );

/** The key of a region: of the account that all builds are in, and used by nobody unless a scenario asks for it. */
export const keyOf = (region: string): Key => ({ id: `AKID${region}`, secret: `secret-of-${region}` });

/** The account that all builds are in. */
export const accountId = '100000000001';

/** The key that workers have which are not given another one. */
export const sharedKey: Key = { id: 'AKIDsimulator', secret: 'simulator' };

/** How many images, snapshots and instances a region takes, unless a scenario makes it fewer. */
const quota = 1000;

/**
 * Of another installation in the same account: what its builds are at work on, or have left. It is theirs, whatever it looks like.
 */
const others = {
  instances: regions.map((region, index) => ({
    region,
    id: `ins-other${String(index).padStart(3, '0')}`,
    state: 'STOPPED',
    dataDisks: 1,
    tags: { [tagKeys.restore]: `other/other${index}-0123456789ab` },
  })),
  images: regions.map((region, index) => ({
    region,
    id: `img-other${String(index).padStart(3, '0')}`,
    name: 'other',
    tags: { [tagKeys.build]: `other/other${index}-0123456789ab`, [tagKeys.state]: 'pending' },
  })),
};

/** The cloud, a Temporal server and workers that scenarios share. */
export interface Site {
  cloud: SimulatorControl;
  server: Server;
  /** Of the shared workers. */
  taskQueue: string;
  workers: WorkerProcess[];
  /** For scenarios in which something is killed or given something particular. */
  places: Places;
  /** Where the calls stand that are held. */
  door: Door;
  /** A region of one's own, until it is given back. */
  lease(): Promise<{ region: string; giveBack: () => void }>;
  startWorker(
    server: Server,
    taskQueue: string,
    form?: WorkerWithKey,
    onActivity?: (event: ActivityEvent) => void,
  ): Promise<WorkerProcess>;
  stop(): Promise<void>;
}

/** @param workers shared ones */
export async function openSite(workers = 2): Promise<Site> {
  const simulator = await startSimulator({ port: 0, strictAnswers: true, speed, rateScale: scale, durations });
  const cloud = new SimulatorControl(simulator.url);
  const keys = [sharedKey, ...regions.map(keyOf)];
  await cloud.seed({
    accounts: [
      {
        uin: accountId,
        keys: keys.map(({ id, secret }) => ({ secretId: id, secretKey: secret })),
        roles: [{ name: 'ImageBuilder' }],
      },
    ],
  });
  await Promise.all(regions.map((region) => refresh(cloud, region)));
  await cloud.seed(others);
  const server = await openServer();
  const door = await openDoor();
  const free = [...regions];
  const waiting: ((region: string) => void)[] = [];
  const start: Site['startWorker'] = ({ temporal: { address, namespace } }, taskQueue, form, onActivity) =>
    startWorker(
      { address, namespace, taskQueue, endpoint: simulator.url },
      { ...form, settings: { ...settings, ...form?.settings } },
      onActivity,
    );
  const taskQueue = `durability-${randomBytes(4).toString('hex')}`;
  const places = new Places(server, start);
  const shared = await Promise.all(
    Array.from({ length: workers }, () => start(server, taskQueue, { hasThread: true })),
  );

  return {
    cloud,
    server,
    taskQueue,
    workers: shared,
    places,
    door,
    lease: async () => {
      const region = free.shift() ?? (await new Promise<string>((resolve) => waiting.push(resolve)));
      const giveBack = () => {
        const next = waiting.shift();
        if (next) next(region);
        else free.push(region);
      };
      return { region, giveBack };
    },
    startWorker: start,
    stop: async () => {
      await Promise.all([places.closeFree(), ...shared.map((worker) => worker.kill())]);
      await server.stop();
      await simulator.close();
      await door.close();
    },
  };
}

/** Undoes what a scenario may have done to a region and its key. */
export async function refresh(cloud: SimulatorControl, region: string): Promise<void> {
  const quotas = { [region]: quota };
  await cloud.seed({ imageQuota: quotas, snapshotQuota: quotas, instanceQuota: quotas });
  await cloud.send('POST', 'interfere', { act: 'restore-key', id: keyOf(region).id });
}
