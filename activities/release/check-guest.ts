import { Context } from '@temporalio/activity';
import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestCheck, ReleaseActivities } from '../../contract';
import type { Instance } from '../cloud/cloud';
import { finalFailure } from '../engine/failures';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { describeState, instanceById, isDoomed, isOperating } from '../source-instance';

type WatchInput = Parameters<ReleaseActivities['watchGuest']>[0];

/** The candidate has failed its test: no refusal of the cloud, but a verdict. */
export const testFailed = 'TestFailed';

/** That a spot instance is taken away says nothing about its image: the test is made again, with another instance. */
const reclaimed = (instanceId: string) => ({
  code: 'SpotReclaimed',
  message: `the spot instance of the test, ${instanceId}, was taken away before the test was over`,
  advice: 'Have it tried again: another instance is launched. With chargeType POSTPAID_BY_HOUR none is taken away.',
});

/** On its way out, or there no more: as the cloud takes away a spot instance, and no guest its server. */
const isGoing = (seen: Instance | undefined) => !seen || isDoomed(seen);

/**
 * Watches that the instance of a test, which was RUNNING, stays so for a while: a system that does not come up often brings
 * its server down again. Changes nothing.
 *
 * @throws TestFailed when it does not, SpotReclaimed when the cloud has taken it away
 */
export const watchGuest = step<WatchInput, undefined>('step', async (run, { instanceId, seconds, spot = false }) => {
  await run.achieve<Instance>({
    ...instanceById(run, instanceId),
    standSeconds: seconds,
    judge: (seen) => {
      if (spot && isGoing(seen)) {
        return seen ? { is: 'wrong', ...reclaimed(instanceId) } : { is: 'missing', ...reclaimed(instanceId) };
      }
      if (!seen || !run.owns(seen.Tags)) {
        return { is: 'missing', code: testFailed, message: `the instance of the test, ${instanceId}, is gone` };
      }
      // It was RUNNING when it was launched: that it is PENDING is a describe that lags.
      if (seen.InstanceState === 'PENDING') return { is: 'going', waitingFor: describeState(seen) };
      if (seen.InstanceState !== 'RUNNING') {
        return { is: 'wrong', code: testFailed, message: `${describeState(seen)}: it did not stay RUNNING` };
      }
      return isOperating(seen) ? { is: 'going', waitingFor: describeState(seen) } : { is: 'done' };
    },
  });
  return undefined;
});

type CheckInput = Parameters<ReleaseActivities['checkGuest']>[0];
type CheckOutput = Awaited<ReturnType<ReleaseActivities['checkGuest']>>;

/** How long one connection or request may take. */
const answerLimitMs = 5000;
/** What is read of an answer, at most. */
const mostBytes = 1_000_000;
/** Between two tries of a check. */
const betweenMs = { least: 100, most: 5000 };

/**
 * Asks the instance of a test what the pipeline wants answered, all of it at once, each for as long as its own timeout. Only
 * an instance that this run launched is asked, at the addresses that the cloud says it has.
 *
 * @throws SpotReclaimed when the cloud has taken the instance away; TestFailed with every check that has not passed in time
 */
export const checkGuest = step<CheckInput, CheckOutput>('step', async (run, input) => {
  const { instanceId, checks, spot = false } = input;
  const host = await addressOf(run, input);
  const { cancellationSignal, cancelled } = Context.current();
  const found = await Promise.all(checks.map((check) => persist(host, check, cancellationSignal)));
  if (cancellationSignal.aborted) await cancelled;
  const failed = found.filter(({ passed }) => !passed);
  if (failed.length > 0) {
    if (spot && isGoing(await lookAt(run, instanceId))) throw refusedFor(run, reclaimed(instanceId));
    throw finalFailure(testFailed, failed.map(({ story }) => story).join('; '), {
      advice: 'Look at what the image starts, and whether the worker can reach the address and port.',
    });
  }
  return { found: found.map(({ story }) => story) };
});

const lookAt = (run: StepRun, instanceId: string) =>
  run.patiently(`instance ${instanceId}`, () => run.cloud.instances.look(instanceId));

const refusedFor = (run: StepRun, { code, message, advice }: ReturnType<typeof reclaimed>) =>
  run.refusal(code, message, advice);

async function addressOf(run: StepRun, { instanceId, address: kind, spot }: CheckInput): Promise<string> {
  const seen = await lookAt(run, instanceId);
  if (spot && isGoing(seen)) throw refusedFor(run, reclaimed(instanceId));
  if (!seen || !run.owns(seen.Tags)) {
    throw finalFailure(testFailed, `the instance of the test, ${instanceId}, is gone`);
  }
  const [host] = (kind === 'private' ? seen.PrivateIpAddresses : seen.PublicIpAddresses) ?? [];
  if (host === undefined) throw finalFailure(testFailed, `${instanceId} has no ${kind} address`);
  return host;
}

interface Finding {
  passed: boolean;
  story: string;
}

/** Tries a check until it passes or its time is over. */
async function persist(host: string, check: GuestCheck, signal: AbortSignal): Promise<Finding> {
  const end = performance.now() + check.timeout * 1000;
  const what = 'tcp' in check ? `tcp ${host}:${check.tcp}` : `http ${host}:${check.http.port}${check.http.path}`;
  for (let pause = betweenMs.least; ; pause = Math.min(betweenMs.most, pause * 1.5)) {
    const left = end - performance.now();
    const limit = Math.ceil(Math.max(1, Math.min(answerLimitMs, left)));
    const wrong = await ('tcp' in check ? tryTcp(host, check.tcp, limit) : tryHttp(host, check.http, limit));
    if (wrong === undefined) return { passed: true, story: `${what}: as expected` };
    if (signal.aborted || performance.now() + pause > end) {
      return { passed: false, story: `${what}: ${wrong}, for ${check.timeout} s` };
    }
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

/** What is wrong; undefined when the port takes a connection. */
function tryTcp(host: string, port: number, limitMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: limitMs });
    const end = (wrong?: string) => {
      socket.destroy();
      resolve(wrong);
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end('no answer'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(reasonOf(error)));
  });
}

/** What is wrong; undefined when the answer is as wanted. Redirects are answers like any other. */
function tryHttp(
  host: string,
  { port, path, status, text }: Extract<GuestCheck, { http: unknown }>['http'],
  limitMs: number,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const signal = AbortSignal.timeout(limitMs);
    const asked = request({ host, port, path, signal, agent: false, headers: { 'user-agent': 'cvm-image-builder' } });
    asked.once('error', (error: NodeJS.ErrnoException) => resolve(signal.aborted ? 'no answer' : reasonOf(error)));
    asked.once('response', (response) => {
      let [body, bytes] = ['', 0];
      response.setEncoding('utf8');
      const judge = () => {
        if (response.statusCode !== status) resolve(`status ${response.statusCode ?? 0} instead of ${status}`);
        else if (text !== undefined && !body.includes(text)) resolve(`status ${status} without the text "${text}"`);
        else resolve(undefined);
        asked.destroy();
      };
      response.on('data', (part: string) => {
        body += part;
        bytes += Buffer.byteLength(part);
        if (bytes > mostBytes) judge();
      });
      response.once('end', judge);
      response.once('error', (error: NodeJS.ErrnoException) => resolve(reasonOf(error)));
    });
    asked.end();
  });
}

const reasonOf = ({ code, message }: NodeJS.ErrnoException) =>
  code === 'ECONNREFUSED' ? 'connection refused' : (code ?? message);
