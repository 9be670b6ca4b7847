import assert from 'node:assert/strict';

/** A resource as the simulator's state shows it; the fields depend on its kind. */
export interface StateResource {
  id: string;
  state: string;
  tags: Record<string, string>;
  [field: string]: unknown;
}

/** The resources of one region. */
export interface RegionState {
  instances: StateResource[];
  disks: StateResource[];
  snapshots: StateResource[];
  images: StateResource[];
}

/** A line of the simulator's call log. */
export interface Call {
  time: string;
  service: string;
  action: string;
  region: string;
  outcome: string;
  applied: boolean;
  requestId: string;
  resources: string[];
  faults: string[];
}

/** The simulator's control API, as tests use it. */
export class SimulatorControl {
  constructor(readonly url: string) {}

  /** The resources of a region. */
  async state(region: string): Promise<RegionState> {
    const all = (await this.get(`state?region=${region}`)) as { regions: Record<string, RegionState> };
    const { snapshots, ...others } = all.regions[region]!;
    // What is deleted is described for a while yet: it is no resource any more.
    return { ...others, snapshots: snapshots.filter(({ state }) => state !== 'TORECYCLE') };
  }

  async calls(filter: Record<string, string> = {}): Promise<Call[]> {
    const { calls } = (await this.get(`calls?${new URLSearchParams(filter).toString()}`)) as { calls: Call[] };
    return calls;
  }

  /** Arms a fault; answers its ID. */
  async fault(fault: Record<string, unknown>): Promise<string> {
    const { id } = (await this.send('POST', 'faults', fault)) as { id: string };
    return id;
  }

  /** Arms a fault; answers a check that it has met a call. */
  async armed(fault: Record<string, unknown> & { action: string }): Promise<() => Promise<void>> {
    const { action } = fault;
    const id = await this.fault(fault);
    return async () => {
      const calls = await this.calls({ action });
      assert.ok(
        calls.some(({ faults }) => faults.includes(id)),
        `the fault on ${action} fired`,
      );
    };
  }

  /** The restore tag of an instance may not be removed; answers a check that this was tried. */
  refuseUntagging(instanceId: string) {
    return this.armed({
      action: 'UnTagResources',
      contains: instanceId,
      kind: 'error',
      code: 'UnauthorizedOperation',
      message: 'You are not authorized to perform the operation.',
    });
  }

  /**
   * Refuses an action as over its rate, which builds bear without end, until released: holds a build where it is, however
   * slow the machine.
   */
  async stall(action: string, contains: string) {
    const code = 'RequestLimitExceeded';
    const id = await this.fault({ action, contains, kind: 'error', code, message: 'stalled', times: 1_000_000 });
    const fired = async (method: string) => ((await this.send(method, `faults/${id}`)) as { fired: number }).fired;
    return {
      /** Whether the action was asked for. */
      met: async () => (await fired('GET')) > 0,
      /** Lets it pass; fails when it was never asked for. */
      release: async () => {
        if ((await fired('DELETE')) === 0) throw new Error(`${action} was never asked for`);
      },
    };
  }

  /** Adds resources in the short form. */
  async seed(seed: Record<string, unknown>): Promise<void> {
    await this.send('POST', 'seed', seed);
  }

  private async get(path: string): Promise<unknown> {
    return this.send('GET', path);
  }

  async send(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}/_simulator/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}
