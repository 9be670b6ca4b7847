import { randomUUID } from 'node:crypto';
import { type CallRecord, resourcesIn } from '../control/calls';
import { type Fault, fireAfter, fireBefore, fireOutcome, isPassing, type FaultSubject } from '../control/faults';
import { onTheWay } from '../control/on-the-way';
import { NotWrittenError } from '../state/journal';
import { type World } from '../state/world';
import { isRegion } from '../vpc/regions';
import { type Action, type Call } from './action';
import { isListedCode, misfits } from './answers';
import { authenticate, type Caller } from './authenticate';
import { ApiError } from './errors';
import { type Rates } from './rates';
import { type ApiRequest, type RawRequest, readRequest } from './request';
import { serviceOf, services, type ServiceName } from './schema';
import { treat, type Treatments, watched } from './treatment';
import { countUnknown, countUnserved } from './unserved';
import { validate } from './validate';

/** What goes back to the client; `lost` = the connection is destroyed without an answer. */
export type Answer =
  { readonly kind: 'json'; readonly body: string } | { readonly kind: 'lost' } | { readonly kind: 'http-502' };

/** Services that have no regions: X-TC-Region is ignored there. */
const global: ReadonlySet<ServiceName> = new Set(['sts', 'tag']);

interface Progress {
  readonly requestId: string;
  action: string;
  service: string;
  region: string;
  account: string;
  requestText: string;
  readonly faults: string[];
}

type Outcome = { readonly fields: object } | { readonly error: ApiError };

/** Whether something has changed, as far as it was to. */
const isApplied = (outcome: Outcome): boolean => 'fields' in outcome || outcome.error.afterChanges;

/** How requests are dealt with. */
export interface DispatchOptions {
  readonly rates: Rates;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** See SimulatorOptions. */
  readonly strictAnswers?: boolean | undefined;
  readonly onParameterRead?: ((action: string, path: string) => void) | undefined;
}

/**
 * Takes one request through the API: read, authenticate, check, apply, answer. Everything between reading the body and
 * committing is one synchronous stretch (delays of faults aside), so requests never see each other half done.
 */
export class Dispatcher {
  constructor(
    private readonly world: World,
    private readonly actions: Readonly<Record<string, Action>>,
    private readonly treatments: Treatments,
    private readonly options: DispatchOptions,
  ) {}

  async answer(raw: RawRequest): Promise<Answer> {
    const progress: Progress = {
      requestId: randomUUID(),
      action: '',
      service: '',
      region: '',
      account: '',
      requestText: '',
      faults: [],
    };
    try {
      return await this.take(raw, progress);
    } catch (error) {
      if (!(error instanceof NotWrittenError)) throw error;
      return this.unwritten(progress, error);
    }
  }

  private async take(raw: RawRequest, progress: Progress): Promise<Answer> {
    const { world } = this;
    world.settle();
    let prepared: { service: ServiceName; request: ApiRequest; caller: Caller };
    try {
      prepared = this.admit(raw, progress);
    } catch (error) {
      return this.finish(progress, { error: asApiError(error) }, []);
    }
    const { service, request, caller } = prepared;
    const { action, region, account, requestId } = progress;
    const subject: FaultSubject = { action, service, region, params: request.params };
    const passage = { ...subject, account, requestId };

    const before = fireBefore(world, subject);
    progress.faults.push(...before.map((fault) => fault.id));
    world.commit();
    await onTheWay(world, before, { ...passage, when: 'before' }, this.options.sleep);
    const stop = before.find((fault) => !isPassing(fault));
    if (stop !== undefined) return this.refuse(progress, stop);

    world.settle();
    world.commit();
    const outcome = this.apply(service, request, caller, progress, subject);
    const after = isApplied(outcome) ? fireAfter(world, subject) : [];
    progress.faults.push(...after.map((fault) => fault.id));
    const lags = after.filter((fault) => fault.kind === 'write-lag').map((fault) => fault.milliseconds ?? 0);
    const lag = Math.max(world.switches.describeLag, ...lags);
    if (lag > 0) world.holdBack(lag);
    const answer = this.finish(progress, outcome, after);
    await onTheWay(world, after, { ...passage, when: 'after' }, this.options.sleep);
    return answer;
  }

  /** Reads, routes, authenticates and counts a request. */
  private admit(raw: RawRequest, progress: Progress): { service: ServiceName; request: ApiRequest; caller: Caller } {
    const request = readRequest(raw);
    progress.action = shortened(request.action);
    progress.region = shortened(request.region);
    progress.requestText = JSON.stringify(request.params);
    if (request.action === '')
      throw new ApiError('MissingParameter', 'The request is missing a required parameter `Action`.');
    const service = serviceOf.get(request.action);
    if (service === undefined) {
      countUnknown(this.world, request.action);
      throw new ApiError('InvalidAction', `The action \`${progress.action}\` does not exist.`);
    }
    progress.service = service;
    if (request.version === '')
      throw new ApiError('MissingParameter', 'The request is missing a required parameter `Version`.');
    if (request.version !== services[service].version) {
      throw new ApiError('NoSuchVersion', `The version \`${request.version}\` does not exist for ${service}.`);
    }
    const caller = authenticate(this.world, request, service);
    progress.account = caller.account;
    this.checkRegion(request, service, progress);
    this.options.rates.take(caller.account, progress.region, service, request.action, this.world.realTime());
    return { service, request, caller };
  }

  private checkRegion(request: ApiRequest, service: ServiceName, progress: Progress): void {
    if (global.has(service)) {
      progress.region = '';
      return;
    }
    if (request.region === '' && request.action !== 'DescribeRegions') {
      throw new ApiError('MissingParameter', 'The request is missing a required parameter `Region`.');
    }
    if (request.region !== '' && !isRegion(request.region)) {
      throw new ApiError('UnsupportedRegion', `The region \`${progress.region}\` is not supported.`);
    }
  }

  private apply(
    service: ServiceName,
    request: ApiRequest,
    caller: Caller,
    progress: Progress,
    subject: FaultSubject,
  ): Outcome {
    const { world } = this;
    const asked = (fault: Fault | undefined): Fault | undefined => {
      if (fault !== undefined) progress.faults.push(fault.id);
      return fault;
    };
    try {
      const action = this.actions[request.action];
      if (action === undefined) {
        countUnserved(world, request.action);
        throw new ApiError('InvalidAction', `the simulator does not support ${request.action} yet`);
      }
      const call: Call = {
        world,
        caller,
        account: caller.account,
        region: progress.region,
        requestId: progress.requestId,
        params: this.paramsFor(service, request),
        outcome: (kind, alone) =>
          asked(fireOutcome(world, alone ? { ...subject, params: alone } : subject, kind)) !== undefined,
        lag: () => asked(fireOutcome(world, subject, 'describe-lag'))?.milliseconds ?? 0,
      };
      let factor: number | undefined;
      const slowness = () => (factor ??= asked(fireOutcome(world, subject, 'slow'))?.factor ?? 1);
      return { fields: world.slowly(slowness, () => action(call)) };
    } catch (error) {
      return { error: asApiError(error) };
    }
  }

  /** The parameters that the action gets to see. */
  private paramsFor(service: ServiceName, { action, params, textual }: ApiRequest): object {
    const { kept, ignored } = treat(this.treatments[action] ?? {}, action, validate(service, action, params, textual));
    for (const name of ignored) countUnserved(this.world, `${action}.${name}`);
    const { onParameterRead } = this.options;
    return onParameterRead === undefined ? kept : watched(kept, (path) => onParameterRead(action, path));
  }

  /** The end of a request that a fault keeps from being applied. */
  private refuse(progress: Progress, fault: Fault): Answer {
    if (fault.kind === 'error') return this.finish(progress, { error: faultError(fault) }, []);
    const outcome = fault.kind === 'http-502' ? 'http-502' : 'lost';
    this.log(progress, outcome, false, '');
    return { kind: outcome };
  }

  /** Logs and commits what was done, and gives the answer that the client gets. */
  private finish(progress: Progress, outcome: Outcome, after: readonly Fault[]): Answer {
    const spoiled = after.find((fault) => !isPassing(fault));
    const applied = isApplied(outcome);
    const told: Outcome = spoiled?.kind === 'error' ? { error: faultError(spoiled) } : this.checked(progress, outcome);
    const fields = 'error' in told ? { Error: { Code: told.error.code, Message: told.error.message } } : told.fields;
    const body = JSON.stringify({ Response: { ...fields, RequestId: progress.requestId } });
    const made = 'fields' in outcome && !progress.action.startsWith('Describe') ? JSON.stringify(outcome.fields) : '';
    if (spoiled?.kind === 'answer-lost') this.log(progress, 'lost', applied, made);
    else if (spoiled?.kind === 'http-502') this.log(progress, 'http-502', applied, made);
    else this.log(progress, 'error' in told ? told.error.code : 'OK', applied, made);
    if (spoiled?.kind === 'answer-lost') return { kind: 'lost' };
    return spoiled?.kind === 'http-502' ? { kind: 'http-502' } : { kind: 'json', body };
  }

  /** In the strict mode, an answer that is not as the API describes it becomes an InternalError. */
  private checked(progress: Progress, outcome: Outcome): Outcome {
    const { action } = progress;
    const service = this.options.strictAnswers === true ? serviceOf.get(action) : undefined;
    if (service === undefined) return outcome;
    const wrong =
      'fields' in outcome
        ? misfits(service, action, outcome.fields)
        : outcome.error instanceof ArmedError || isListedCode(action, outcome.error.code)
          ? []
          : [`${action} does not list the error code ${outcome.error.code} (${outcome.error.message})`];
    return wrong.length === 0
      ? outcome
      : { error: asApiError(new Error(`an answer does not fit: ${wrong.join('; ')}`)) };
  }

  /** A change that cannot be written is taken back, so the client is told that it was not made. */
  private unwritten(progress: Progress, { message }: NotWrittenError): Answer {
    // In memory only: there is no room for it.
    this.world.calls.push(this.record(progress, 'InternalError', false, ''));
    const Error = {
      Code: 'InternalError',
      Message: `The simulator cannot write its state, so nothing was done: ${message}.`,
    };
    return { kind: 'json', body: JSON.stringify({ Response: { Error, RequestId: progress.requestId } }) };
  }

  private log(progress: Progress, outcome: string, applied: boolean, made: string): void {
    this.world.recordCall(this.record(progress, outcome, applied, made));
    this.world.commit();
  }

  private record(progress: Progress, outcome: string, applied: boolean, made: string): CallRecord {
    const { requestId, action, service, region, account, faults } = progress;
    const resources = resourcesIn(progress.requestText + made);
    const time = new Date(this.world.now()).toISOString();
    return { time, service, action, region, account, outcome, applied, requestId, resources, faults };
  }
}

/** What a client calls an action or a region may be of any length; no real name is longer than this. */
function shortened(name: string): string {
  return name.length > 64 ? `${name.slice(0, 64)}…` : name;
}

/** An error that somebody armed, which may be one that the action never gives. */
class ArmedError extends ApiError {}

function faultError(fault: Fault): ApiError {
  return new ArmedError(
    fault.code ?? 'InternalError',
    fault.message ?? 'An internal error has occurred. Retry your request.',
  );
}

/** A mistake of the simulator itself must not look like one of the client's. */
function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  process.stderr.write(`simulator: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  return new ApiError('InternalError', 'An internal error has occurred in the simulator; its log says more.');
}
