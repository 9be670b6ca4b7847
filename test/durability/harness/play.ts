import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import {
  type BuildProgress,
  type BuildResult,
  type BuildSpecInput,
  buildWorkflowId,
  buildWorkflowType,
  progressQuery,
} from '../../../contract';
import type { RegionState } from '../../support/simulator';
import type { Threshold } from './door';
import type { CallPoint, FaultForm, Scenario } from './scenario';
import type { Server } from './server';
import { keyOf, type Site } from './site';
import { heartbeat } from './timing';
import type { Webhook } from './webhook';
import type { WorkerProcess } from './worker';

/** One build of a scenario. */
export interface PlayedBuild {
  key: string;
  instanceId: string;
  spec: BuildSpecInput;
  handle: WorkflowHandleWithFirstExecutionRunId<(spec: BuildSpecInput) => Promise<BuildResult>>;
}

/** Something that was injected, and what shows that it happened. */
export interface Injected {
  what: string;
  /** A fault of the simulator: its call log tells. */
  faultId?: string;
  /** How often it has to have met a call. Default: 1. */
  times?: number;
  /** An act: done at its moment. */
  done?: boolean;
}

/** A scenario while it is played: its place, its builds, and the hands that do things to them. */
export class Play {
  readonly builds: PlayedBuild[] = [];
  readonly workers: WorkerProcess[] = [];
  /** Those that have the form which the scenario says. */
  readonly asSaid = new Set<WorkerProcess>();
  readonly injected: Injected[] = [];
  /** The region before anything was done. */
  before!: RegionState;
  /** The region when the builds were over, before anything was swept. */
  atEnd!: RegionState;
  /** The region when whatever was under way by then had settled, before anything was swept. */
  settled!: RegionState;
  /** What somebody else made meanwhile, by ID: nobody of ours has to know of it. */
  readonly others = new Set<string>();
  /** What is nobody's any more, by ID, because somebody else took away what it belonged to: it may stay or go. */
  readonly orphans = new Set<string>();
  /** What of the build somebody else deleted, or took its tag from, by ID. */
  readonly taken = new Set<string>();
  /** What of the source was not as it was found while a build was held, though it should have been. */
  readonly unrestored: string[] = [];
  /** What people could not read while the build waited, though they should have. */
  readonly unreadable: string[] = [];
  /** Whether it was looked at while it waited. */
  mayRead = false;
  /** When the sweep began; ISO 8601. */
  sweptAt = '';
  readonly since = new Date().toISOString();
  over = false;
  webhook: Webhook | undefined;

  constructor(
    readonly scenario: Scenario,
    readonly site: Site,
    readonly server: Server,
    readonly region: string,
    readonly taskQueue: string,
  ) {}

  get build(): PlayedBuild {
    return this.builds[0]!;
  }
  get cloud() {
    return this.site.cloud;
  }
  get handle() {
    return this.build.handle;
  }

  /** Adds the source of one more build; it is started by `start`. */
  async addSource(): Promise<string> {
    const key = randomBytes(4).toString('hex');
    const form = { dataDisks: 2, ...this.scenario.source, region: this.region, id: `ins-${key}` };
    await this.cloud.seed({ instances: [form] });
    return key;
  }

  specOf(key: string): BuildSpecInput {
    const { deadlines, image, ...rest } = this.scenario.spec ?? {};
    return {
      region: this.region,
      instanceId: `ins-${key}`,
      image: { name: `image-${key}`, ...image },
      launch: { zone: `${this.region}-3` },
      deadlines: { heartbeat, ...deadlines },
      ...rest,
    };
  }

  async start(key: string, otherwise: Partial<BuildSpecInput> = {}): Promise<void> {
    const spec = { ...this.specOf(key), ...otherwise };
    const { twice } = this.scenario;
    const workers = this.workers.length > 0 ? this.workers : this.site.workers;
    if (twice) for (const worker of workers) worker.repeat(spec.instanceId, twice);
    const handle = await this.server.client.workflow.start<(spec: BuildSpecInput) => Promise<BuildResult>>(
      buildWorkflowType,
      {
        workflowId: buildWorkflowId(spec.region, spec.instanceId),
        taskQueue: this.taskQueue,
        workflowTaskTimeout: '2s',
        args: [spec],
      },
    );
    this.builds.push({ key, instanceId: spec.instanceId, spec, handle });
  }

  /** Arms a fault that meets nobody but this scenario. */
  async arm(form: FaultForm, key = this.key): Promise<string> {
    // The tag service has no region: its resources name theirs.
    const own =
      form.service === 'tag' || /^(Un)?TagResources$/.test(form.action ?? '')
        ? { contains: `:${this.region}:` }
        : { region: this.region };
    const contains = form.contains === undefined ? {} : { contains: this.fill(form.contains as string, key) };
    const faultId = await this.cloud.fault({ ...own, ...form, ...contains });
    return faultId;
  }

  /** The key of the first build, known before it is started. */
  key = '';

  fill(text: string, key = this.key): string {
    return text.replaceAll('{key}', key).replaceAll('{region}', this.region);
  }

  /** Calls that are held, or will be. */
  readonly holds: Threshold[] = [];

  /** Holds a call until it is let go; `when` it is not applied yet, or is applied and not answered. */
  async hold({ action, nth, contains }: CallPoint, when: 'before' | 'after'): Promise<Threshold> {
    const threshold = this.site.door.threshold();
    await this.arm({
      action,
      kind: 'hook',
      url: threshold.url,
      when,
      // Longer than any scenario takes.
      milliseconds: 600_000,
      ...(nth === undefined ? {} : { nth }),
      ...(contains === undefined ? {} : { contains }),
    });
    this.holds.push(threshold);
    return threshold;
  }

  async startWorker(): Promise<WorkerProcess> {
    const { key, settings, ...form } = this.scenario.worker ?? {};
    const own = key === 'own' ? keyOf(this.region) : key;
    const webhooks = this.webhook ? { webhooks: { [this.scenario.webhook!]: { url: this.webhook.url } } } : {};
    const worker = await this.site.startWorker(this.server, this.taskQueue, {
      ...form,
      ...(own ? { key: own } : {}),
      settings: { ...settings, ...webhooks },
    });
    this.employ(worker);
    return worker;
  }

  /** A worker of the form that the scenario says. */
  employ(worker: WorkerProcess): void {
    this.workers.push(worker);
    this.asSaid.add(worker);
  }

  /** The build's own word, for knowing where it is. Undefined while nobody can answer. */
  async progress(build = this.build): Promise<BuildProgress | undefined> {
    return build.handle.query(progressQuery).catch(() => undefined);
  }

  /** Looks until it is true, or the scenario is over; ever less often, for a look may be a query, which a worker has to answer. */
  async until(look: () => Promise<boolean>): Promise<boolean> {
    for (let wait = 25; !this.over; wait = Math.min(200, wait * 1.5)) {
      if (await look()) return true;
      await pause(wait);
    }
    return false;
  }
}
