import { once } from 'node:events';
import { type AddressInfo, isIP } from 'node:net';
import { actions } from './actions';
import { cbsReactions } from './cbs/actions';
import { cvmReactions } from './cvm/reactions';
import { defaultSwitches, type SimulatorOptions } from './options';
import { defaultSeed } from './seed/default-seed';
import { plant, type Planted } from './seed/plant';
import { type Seed } from './seed/seed';
import { type CallFilter, type CallRecord, filterCalls } from './control/calls';
import { isLoopback } from './control/local';
import { armFault, type Fault, type FaultSpec } from './control/faults';
import { parseFault } from './control/parse-fault';
import { Guests } from './guests/guests';
import { describeState } from './control/state';
import { createHttpServer } from './server';
import { Journal } from './state/journal';
import { World } from './state/world';
import { treatments } from './treatments';
import { Dispatcher } from './wire/dispatch';
import { Rates } from './wire/rates';

export { type Durations, type DurationName, type SimulatorOptions, type Switches } from './options';
export { type CallFilter, type CallRecord } from './control/calls';
export { type Fault, type FaultSpec } from './control/faults';
export { DirectoryInUseError } from './state/lock';
export { defaultSeed, developmentAccount, otherAccount } from './seed/default-seed';
export {
  type AccountSeed,
  type DiskSeed,
  type FullInstanceSeed,
  type ImageSeed,
  type InstanceSeed,
  type Seed,
  seedInstance,
} from './seed/seed';

/** A running simulator. */
export interface Simulator {
  /** `http://127.0.0.1:<port>`: what goes into TENCENTCLOUD_ENDPOINT. */
  readonly url: string;
  readonly port: number;
  readonly speed: number;
  /** Adds resources to the running cloud, like `POST /_simulator/seed`. */
  seed(seed: Seed): Planted;
  /** Arms a fault, like `POST /_simulator/faults`. */
  arm(fault: FaultSpec): Fault;
  /** The armed faults and how often each fired. */
  faults(): readonly Fault[];
  /** The call log, oldest first. */
  calls(filter?: CallFilter): readonly CallRecord[];
  /** All resources by region, like `GET /_simulator/state`. */
  state(region?: string): object;
  /** Stops listening and lets go of all connections; may be called twice. Keeps the state on disk, when there is a data directory. */
  close(): Promise<void>;
}

/** The port is somebody else's. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

/**
 * Starts a simulator in this process. Rejects with a PortTakenError when the port is taken, with a DirectoryInUseError when
 * another simulator has the data directory, and with an Error when an option or the seed is not valid or the data directory
 * cannot be read.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const host = options.host ?? '127.0.0.1';
  if (!isLoopback(host)) throw new Error(`the simulator listens on loopback addresses only, not on ${host}`);
  const speed = options.speed ?? 60;
  if (!(speed > 0)) throw new Error('speed must be a number above 0');

  const port = options.port ?? 0;
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535))
    throw new Error(`the port must be a whole number from 0 to 65535, not ${port}`);
  const rateScale = options.rateScale ?? 1;
  if (!(rateScale >= 0)) throw new Error(`the rate scale must be a number from 0, not ${rateScale}`);

  const cloud: { world?: World; dispatcher?: Dispatcher } = {};
  const timers = new Set<NodeJS.Timeout>();
  const server = createHttpServer(
    () => cloud.world!,
    () => cloud.dispatcher!,
    () => reset(cloud.world!, options),
  );
  // The port is taken first: of two simulators on the same port and data directory, only one may touch the data.
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') throw new PortTakenError(`port ${port} on ${host} is already in use`);
    throw new Error(`the simulator cannot listen on port ${port} of ${host}: ${message}`, { cause: error });
  }
  try {
    cloud.world = newWorld(options, speed);
    open(cloud.world, options);
  } catch (error) {
    server.close();
    server.closeAllConnections();
    await cloud.world?.close();
    throw error;
  }
  const sleep = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, milliseconds);
      timers.add(timer);
    });
  const { world } = cloud;
  const { strictAnswers, onParameterRead } = options;
  const rates = new Rates(rateScale);
  cloud.dispatcher = new Dispatcher(world, actions, treatments, { rates, sleep, strictAnswers, onParameterRead });

  const guests = options.listen === true ? new Guests(world) : undefined;

  const { port: listening } = server.address() as AddressInfo;
  const bracketed = isIP(host) === 6 ? `[${host}]` : host;
  return {
    url: `http://${bracketed}:${listening}`,
    port: listening,
    speed,
    seed: (seed) => committed(world, () => plant(world, seed)),
    arm: (fault) => committed(world, () => armFault(world, parseFault(fault))),
    faults: () => [...world.faults.all()],
    state: (region) => committed(world, () => describeState(world, region)),
    calls: (filter = {}) => filterCalls(world.calls, filter),
    close: async () => {
      if (!server.listening) return;
      for (const timer of timers) clearTimeout(timer);
      world.pauses.releaseAll();
      await guests?.close();
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
      await world.close();
    },
  };
}

function committed<T>(world: World, change: () => T): T {
  world.settle();
  try {
    const result = change();
    world.commit();
    return result;
  } catch (error) {
    world.rollback();
    throw error;
  }
}

function newWorld(options: SimulatorOptions, speed: number): World {
  return new World({
    speed,
    durations: options.durations ?? {},
    switches: { ...defaultSwitches, ...options.switches },
    reactions: { ...cvmReactions, ...cbsReactions },
    now: options.now,
    listens: options.listen ?? false,
    ...(options.dataDir === undefined ? {} : { journal: new Journal(options.dataDir) }),
  });
}

/** Goes on with what the data directory holds, or begins with the seed. */
function open(world: World, options: SimulatorOptions): void {
  if (world.restore()) return;
  plant(world, options.seed ?? defaultSeed());
  world.commit();
  world.compact();
}

/** Back to the seed: resources, faults, calls, tokens, counters and durations. Calls that a fault holds go on. */
function reset(world: World, options: SimulatorOptions): void {
  world.clear();
  plant(world, options.seed ?? defaultSeed());
  world.commit();
  world.compact(true);
  world.pauses.releaseAll();
}
