import type { Client } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import { startSimulator } from '../../../simulator';
import { SimulatorControl } from '../../support/simulator';
import { type Door, openDoor } from './door';
import { openServer, type Server } from './server';
import { durations, settings, speed } from './timing';
import { startWorker, type WorkerProcess, type WorkerWithKey } from './worker';

/** Each scenario has one for itself, so that whatever was called there was called by it. */
const regions =
  'ap-guangzhou ap-shanghai ap-hongkong ap-nanjing ap-beijing ap-singapore ap-chengdu ap-chongqing ap-jakarta ap-seoul ap-tokyo ap-mumbai ap-bangkok na-ashburn na-siliconvalley eu-frankfurt'.split(
    ' ',
  );

/** A cloud whose guests really listen, and a Temporal server. Every scenario has workers of its own. */
export interface ReleaseSite {
  cloud: SimulatorControl;
  client: Client;
  /** It can be killed, which all scenarios of the site feel. */
  server: Server;
  /** Where calls that plays hold stand. */
  door: Door;
  /** A region of one's own. There are as many as scenarios may be played at a time, and a few more. */
  lease(): { region: string; giveBack: () => void };
  startWorker(taskQueue: string, form?: WorkerWithKey): Promise<WorkerProcess>;
  stop(): Promise<void>;
}

export async function openReleaseSite(): Promise<ReleaseSite> {
  const [simulator, server, door] = await Promise.all([
    startSimulator({
      port: 0,
      strictAnswers: true,
      listen: true,
      speed,
      rateScale: 0,
      durations: { ...durations, boot: 60 },
    }),
    openServer(),
    openDoor(),
  ]);
  const { address, namespace } = server.temporal;
  const cloud = new SimulatorControl(simulator.url);
  await cloud.seed({ imageQuota: Object.fromEntries(regions.map((region) => [region, 1000])) });
  const free = [...regions];
  return {
    cloud,
    client: server.client,
    server,
    door,
    lease: () => {
      const region = free.shift();
      if (region === undefined) throw new Error('more scenarios at a time than regions');
      return { region, giveBack: () => free.push(region) };
    },
    startWorker: (taskQueue, form) =>
      startWorker(
        { address, namespace, taskQueue, endpoint: simulator.url },
        { ...form, settings: { ...settings, installation: 'test' } },
      ),
    stop: async () => {
      await server.stop();
      await simulator.close();
      await door.close();
    },
  };
}

export const newTaskQueue = () => `releases-${randomBytes(4).toString('hex')}`;
