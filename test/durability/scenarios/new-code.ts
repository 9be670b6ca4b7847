import { begin, endedByAnother, handOver, releases, replays, whenItDoesNotFit } from '../harness/new-code';
import { cancel, inPhase, pauseBefore, resume, retry, whileWaiting } from '../harness/people';
import type { Beat, Moment, Scenario } from '../harness/scenario';
import { methods } from './calls';
import { imageFails, pointsOf, waits } from './steps';

const atOnce: Moment = { called: 'at once', once: () => Promise.resolve(true) };
const newCode = (name: string, rest: Omit<Scenario, 'group' | 'name' | 'site'>): Scenario => ({
  group: 'new code',
  name,
  site: 'workers',
  workers: 0,
  ...rest,
});

/** A build that the workers of a released version began, and that those of this one end. */
const finished: Scenario[] = releases.flatMap((release) => {
  const scenario = (name: string, beats: Beat[], rest: Partial<Scenario> = {}) =>
    newCode(`${release} begins, this version ends it · ${name}`, {
      ends: 'completed',
      beats: [{ at: atOnce, act: begin(release) }, ...beats],
      also: endedByAnother,
      ...rest,
    });
  return [
    ...methods.flatMap((method) =>
      pointsOf(method)
        .filter(({ what }) => ['look at the disks', 'stop', 'snapshot 1', 'image', 'start', 'launch'].includes(what))
        .map(({ step, what, call }) =>
          scenario(`${method} · ${step}, ${what}`, [{ at: { before: call }, act: handOver('this') }], {
            spec: { method },
            ...(method === 'instance' && what === 'image' ? { slice: true } : {}),
          }),
        ),
    ),
    ...waits
      .filter(({ step }) => step === 'pollImage')
      .map(({ step, slow }) =>
        scenario(`instance · ${step}, waiting`, [{ at: whileWaiting(step), act: handOver('this') }], {
          faults: [slow],
        }),
      ),
    scenario('instance · paused', [
      { at: { before: { action: 'DescribeDisks' } }, act: pauseBefore('shutdownInstance') },
      { at: inPhase('paused'), act: handOver('this') },
      { at: inPhase('paused'), act: resume },
    ]),
    scenario(
      'instance · held',
      [
        { at: inPhase('held'), act: handOver('this') },
        { at: inPhase('held'), act: retry({ description: 'mended' }) },
      ],
      { faults: [imageFails], spec: { onFailure: 'hold' }, remakes: { CreateSnapshot: 1, CreateImage: 1 } },
    ),
    scenario('instance · being undone', [{ at: { before: { action: 'DeleteImages' } }, act: handOver('this') }], {
      faults: [imageFails],
      ends: { failed: /^ImageCreateFailed$/ },
    }),
    scenario(
      'instance · cancelled, and being undone',
      [
        { at: { before: { action: 'CreateImage' } }, act: cancel },
        { at: { before: { action: 'StartInstances' } }, act: handOver('this') },
      ],
      { ends: 'cancelled' },
    ),
  ];
});

/** Code that does not go on from the histories that there are: it stops before it does harm, and the build waits for code that does. */
const changed: Scenario[] = ['image', 'launch'].map((what) => {
  const { step, call } = pointsOf('instance').find((one) => one.what === what)!;
  return newCode(`an order of steps that has changed is found out, and harms nothing · instance · ${step}, ${what}`, {
    ends: 'completed',
    beats: [
      { at: atOnce, act: begin('this') },
      { at: { before: call }, act: handOver('changed') },
      { at: whenItDoesNotFit, act: handOver('this') },
    ],
    also: async (play) => {
      await endedByAnother(play);
      await replays(play);
    },
    ...(what === 'image' ? { slice: true } : {}),
  });
});

export const newCodeScenarios: Scenario[] = [...finished, ...changed];
