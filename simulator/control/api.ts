import { z } from 'zod';
import { parseDurations } from '../options';
import { checked } from '../problems';
import { writeToDisk } from '../cbs/snapshots';
import { plant } from '../seed/plant';
import { type Seed } from '../seed/seed';
import { NotWrittenError } from '../state/journal';
import { type World } from '../state/world';
import { unserved } from '../wire/unserved';
import { type RawRequest } from '../wire/request';
import { filterCalls } from './calls';
import { armFault, type Fault } from './faults';
import { parseFault } from './parse-fault';
import { checkInterference, interfere } from './interfere';
import { overview } from './overview';
import { describeState } from './state';

/** An answer of the control API. */
export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

export const controlPrefix = '/_simulator';

interface ControlRequest {
  readonly world: World;
  readonly query: URLSearchParams;
  readonly text: string;
  readonly body: () => unknown;
  /** Back to the seed. */
  readonly reset: () => void;
}

type Route = (request: ControlRequest, argument: string) => unknown;

const setContent: Route = ({ world, text }, id) => {
  writeToDisk(world, world.disks.must(id), contentFrom(text));
  return { DiskId: id, content: world.disks.must(id).content };
};

/** `{"content": "…"}`, or the text itself. */
function contentFrom(text: string): string {
  try {
    const given = JSON.parse(text) as unknown;
    if (typeof given === 'object' && given !== null && 'content' in given && typeof given.content === 'string')
      return given.content;
  } catch {
    // Not JSON: the body is the content.
  }
  return text;
}

/** A fault, with the calls that it holds. */
function shownFault(world: World, fault: Fault): object {
  return { ...fault, waiting: world.pauses.count(fault.id) };
}

/** What a fault held goes on. */
function disarm(world: World, id: string): void {
  world.faults.delete(id);
  world.pauses.release(id);
}

const clockRequest = z.strictObject({
  stopped: z.boolean().optional(),
  /** Simulated seconds, or as far as the next thing that will happen. */
  advance: z
    .unknown()
    .refine((value) => value === undefined || value === 'next' || isTimeSpan(value), {
      error: 'must be a number of simulated seconds, or "next"',
    })
    .optional(),
});

function isTimeSpan(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= longestAdvance;
}

/** Simulated seconds, thirty years. */
const longestAdvance = 1_000_000_000;

const setClock: Route = ({ world, body }) => {
  const { stopped, advance } = checked(clockRequest, body(), 'the clock');
  if (stopped === true) world.stopClock();
  if (stopped === false) world.startClock();
  if (advance === 'next') world.advanceToNext();
  else if (isTimeSpan(advance)) world.advanceClock(advance);
  return clockOf(world);
};

function clockOf(world: World): object {
  return { now: new Date(world.now()).toISOString(), stopped: world.isStopped, next: world.next };
}

const routes: readonly (readonly [method: string, path: RegExp, route: Route])[] = [
  ['GET', /^\/state$/, ({ world, query }) => describeState(world, query.get('region') ?? undefined)],
  ['GET', /^\/overview$/, ({ world, query }) => overview(world, query.get('region') ?? 'ap-guangzhou')],
  ['GET', /^\/calls$/, ({ world, query }) => ({ calls: filterCalls(world.calls, Object.fromEntries(query)) })],
  ['GET', /^\/unserved$/, ({ world }) => unserved(world)],
  ['GET', /^\/faults$/, ({ world }) => ({ faults: [...world.faults.all()].map((fault) => shownFault(world, fault)) })],
  ['POST', /^\/faults$/, ({ world, body }) => armFault(world, parseFault(body()))],
  [
    'DELETE',
    /^\/faults$/,
    ({ world }) => {
      for (const fault of [...world.faults.all()]) disarm(world, fault.id);
      return {};
    },
  ],
  ['GET', /^\/faults\/([^/]+)$/, ({ world }, id) => shownFault(world, world.faults.must(id))],
  [
    'POST',
    /^\/faults\/([^/]+)\/release$/,
    ({ world }, id) => {
      world.faults.must(id);
      return { released: world.pauses.release(id) };
    },
  ],
  [
    'DELETE',
    /^\/faults\/([^/]+)$/,
    ({ world }, id) => {
      const fault = world.faults.must(id);
      disarm(world, id);
      return fault;
    },
  ],
  ['GET', /^\/disks\/([^/]+)\/content$/, ({ world }, id) => ({ DiskId: id, content: world.disks.must(id).content })],
  ['PUT', /^\/disks\/([^/]+)\/content$/, setContent],
  [
    'GET',
    /^\/snapshots\/([^/]+)\/content$/,
    ({ world }, id) => ({ SnapshotId: id, content: world.snapshots.must(id).content }),
  ],
  ['POST', /^\/seed$/, ({ world, body }) => plant(world, body() as Seed)],
  ['GET', /^\/durations$/, ({ world }) => world.durations],
  [
    'POST',
    /^\/durations$/,
    ({ world, body }) => {
      world.fixDurations(parseDurations(body() as Record<string, unknown>));
      return world.durations;
    },
  ],
  ['GET', /^\/clock$/, ({ world }) => clockOf(world)],
  ['POST', /^\/clock$/, setClock],
  [
    'POST',
    /^\/reset$/,
    ({ reset }) => {
      reset();
      return {};
    },
  ],
  [
    'POST',
    /^\/interfere$/,
    ({ world, body }) => {
      interfere(world, checkInterference(body()));
      return {};
    },
  ],
];

/** Answers a request to the control API: what tests and demonstrations do behind the cloud's back. */
export function controlAnswer(world: World, raw: RawRequest, reset: () => void): ControlAnswer {
  const path = raw.path.slice(controlPrefix.length);
  const found = routes.find(([method, pattern]) => method === raw.method && pattern.test(path));
  if (found === undefined) {
    return {
      status: 404,
      body: {
        error: `no ${raw.method} ${raw.path}`,
        routes: routes.map(([method, pattern]) => `${method} ${pattern.source}`),
      },
    };
  }
  const [, pattern, route] = found;
  const text = raw.body.toString('utf8');
  const body = (): unknown => JSON.parse(text === '' ? '{}' : text) as unknown;
  const request: ControlRequest = { world, query: new URLSearchParams(raw.query), text, body, reset };
  world.settle();
  try {
    const answer = route(request, decodeURIComponent(pattern.exec(path)?.[1] ?? ''));
    world.commit();
    return { status: 200, body: answer };
  } catch (error) {
    world.rollback();
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof NotWrittenError)) return { status: 400, body: { error: message } };
    return { status: 500, body: { error: `the state cannot be written, so nothing was done: ${message}` } };
  }
}
