import { tagKeys } from '../../../contract';
import { deleteImage, findIn, polling, someoneElse } from '../harness/cloud';
import type { Act, CallPoint, Moment, Scenario } from '../harness/scenario';
import { methods } from './calls';
import { imageFails } from './steps';

const group = 'bad luck in the cloud';
const launch: CallPoint = { action: 'RunInstances', contains: '/{key}-' };
const before = (action: string, nth?: number): Moment => ({ before: { action, ...(nth ? { nth } : {}) } });
const after = (action: string, nth?: number): Moment => ({ after: { action, ...(nth ? { nth } : {}) } });

const failed = { failed: /^ImageCreateFailed$/ };
/** What a build cannot do without: it fails, and does not list what is not there. */
const lostSnapshot = { failed: /^(SnapshotGone|InvalidParameter\.SnapshotNotFound)$/ };
const lostImage = { failed: /^(ImageGone|InvalidImageId\.NotFound)$/ };

type Method = (typeof methods)[number];
interface Meddling extends Pick<Scenario, 'ends' | 'says' | 'faults' | 'slice' | 'changed'> {
  at: Moment;
  when: string;
}

/** What happens to a build at each of these moments. */
type ByMethod = Record<Method, Meddling[]>;

const isGone = { failed: /^(InstanceGone|InvalidInstanceId\.NotFound|InvalidDiskId\.NotFound)$/ };
const gone: ByMethod = {
  instance: [
    { when: 'before the stop', at: before('StopInstances'), ends: isGone },
    { when: 'after the stop', at: after('StopInstances'), ends: isGone },
    { when: 'before the snapshots', at: before('CreateSnapshot'), ends: isGone },
    { when: 'before the image', at: before('CreateImage'), ends: isGone },
    { when: 'while the image is made', at: after('CreateImage'), ends: 'completed' },
    { when: 'before the start', at: before('StartInstances'), ends: 'completed', slice: true },
    { when: 'after the start', at: after('StartInstances'), ends: 'completed' },
    { when: 'before the launch', at: { before: launch }, ends: 'completed' },
    {
      when: 'while it is undone',
      at: before('StartInstances'),
      faults: [imageFails],
      ends: { failed: /^ImageCreateFailed$/ },
    },
  ],
  snapshots: [
    { when: 'before the last snapshot', at: before('CreateSnapshot', 3), ends: isGone },
    { when: 'after the snapshots', at: after('CreateSnapshot', 3), ends: 'completed' },
    { when: 'before the start', at: before('StartInstances'), ends: 'completed' },
    { when: 'before the image', at: before('CreateImage'), ends: 'completed' },
  ],
};

/** A copy of a disk that is written to may be torn: nobody is to get one for a golden image. */
const torn = { ends: { failed: /^SourceChanged$/ }, says: /was started by somebody else.*nobody starts it/ };
const started: ByMethod = {
  instance: [
    // It is stopped once more.
    { when: 'before the stop is seen', at: after('StopInstances'), ends: 'completed' },
    { when: 'before the snapshots', at: before('CreateSnapshot'), ...torn, slice: true },
    { when: 'before the second snapshot', at: before('CreateSnapshot', 2), ...torn },
    { when: 'in the snapshots', at: after('CreateSnapshot', 2), ...torn },
    { when: 'before the image', at: before('CreateImage'), ...torn },
    { when: 'right after the image was asked for', at: after('CreateImage'), ...torn },
    { when: 'while the image is made', at: polling, ends: 'completed' },
    { when: 'before the start', at: before('StartInstances'), ends: 'completed' },
  ],
  snapshots: [
    { when: 'before the snapshots', at: before('CreateSnapshot'), ...torn },
    { when: 'before the last snapshot', at: before('CreateSnapshot', 3), ...torn },
    { when: 'right after the snapshots were asked for', at: after('CreateSnapshot', 3), ...torn },
    { when: 'before the start', at: before('StartInstances'), ends: 'completed' },
  ],
};

const stopped: ByMethod = {
  instance: [
    { when: 'before the stop', at: before('StopInstances'), ends: 'completed' },
    { when: 'right after it was started', at: after('StartInstances'), ends: 'completed' },
  ],
  snapshots: [{ when: 'right after it was started', at: after('StartInstances'), ends: 'completed' }],
};

const resized: ByMethod = {
  instance: [
    { when: 'before the stop', at: before('StopInstances'), ends: 'completed' },
    { when: 'before the image', at: before('CreateImage'), ends: 'completed' },
    { when: 'before the launch', at: { before: launch }, ends: 'completed' },
  ],
  snapshots: [{ when: 'before the start', at: before('StartInstances'), ends: 'completed' }],
};

const grown: ByMethod = {
  instance: [
    { when: 'before the stop', at: before('StopInstances'), ends: 'completed' },
    { when: 'before the snapshots', at: before('CreateSnapshot'), ends: 'completed' },
    { when: 'before the image', at: before('CreateImage'), ends: 'completed' },
    { when: 'before the launch', at: { before: launch }, ends: 'completed' },
  ],
  snapshots: [
    { when: 'before the stop', at: before('StopInstances'), ends: 'completed' },
    { when: 'before the launch', at: { before: launch }, ends: 'completed' },
  ],
};

const anotherType = 'S5.LARGE8';
const anotherTeam = { team: 'another' };
const anotherClaim = { [tagKeys.restore]: 'another/build-1' };

const meddlings: { what: string; act: Act; moments: ByMethod; changed?: Scenario['changed'] }[] = [
  {
    what: 'the source is terminated',
    act: someoneElse('terminate-instance', findIn.source),
    moments: gone,
    changed: 'gone',
  },
  { what: 'the source is started', act: someoneElse('start-instance', findIn.source), moments: started },
  { what: 'the source is stopped', act: someoneElse('stop-instance', findIn.source), moments: stopped },
  {
    what: 'the source gets another instance type',
    act: someoneElse('resize-instance', findIn.source, { type: anotherType }),
    moments: resized,
    changed: { type: anotherType },
  },
  {
    what: 'the data disks of the source grow',
    act: someoneElse('resize-disk', findIn.dataDisks, { size: 200 }),
    moments: grown,
  },
  {
    what: 'the system disk of the source grows',
    act: someoneElse('resize-disk', findIn.systemDisk, { size: 120 }),
    moments: grown,
  },
  {
    what: 'the restore tag is taken away',
    act: someoneElse('retag', findIn.source, { tags: { [tagKeys.restore]: null } }),
    moments: {
      instance: [
        { when: 'before the stop', at: before('StopInstances'), ends: 'completed' },
        { when: 'before the image', at: before('CreateImage'), ends: 'completed' },
        { when: 'while it is undone', at: before('StartInstances'), faults: [imageFails], ends: failed },
      ],
      snapshots: [{ when: 'before the start', at: before('StartInstances'), ends: 'completed' }],
    },
  },
  {
    what: 'the restore tag is replaced by that of another installation',
    act: someoneElse('retag', findIn.source, { tags: anotherClaim }),
    moments: {
      instance: [
        { when: 'before the stop', at: before('StopInstances'), ends: 'completed' },
        { when: 'before the image', at: before('CreateImage'), ends: 'completed' },
        { when: 'while it is undone', at: before('StartInstances'), faults: [imageFails], ends: failed },
      ],
      snapshots: [{ when: 'before the start', at: before('StartInstances'), ends: 'completed' }],
    },
    changed: { tags: anotherClaim },
  },
  {
    what: 'its own tags are changed',
    act: someoneElse('retag', findIn.source, { tags: anotherTeam }),
    moments: { instance: [{ when: 'before the image', at: before('CreateImage'), ends: 'completed' }], snapshots: [] },
    changed: { tags: anotherTeam },
  },
  {
    what: 'a snapshot is deleted',
    act: someoneElse('delete-snapshot', findIn.snapshots, { first: true }),
    moments: {
      instance: [
        { when: 'while it is made', at: after('CreateSnapshot', 2), ends: lostSnapshot },
        { when: 'before the image', at: before('CreateImage'), ends: lostSnapshot },
        { when: 'while the image is made', at: after('CreateImage'), ends: lostSnapshot },
        { when: 'before it is tagged as kept', at: before('TagResources', 2), ends: lostSnapshot },
        { when: 'before the launch', at: { before: launch }, ends: lostSnapshot },
        { when: 'while it is undone', at: before('DeleteImages'), faults: [imageFails], ends: failed },
      ],
      snapshots: [
        { when: 'while it is made', at: after('CreateSnapshot', 3), ends: lostSnapshot },
        { when: 'before the image', at: before('CreateImage'), ends: lostSnapshot },
        { when: 'before it is tagged as kept', at: before('TagResources', 2), ends: lostSnapshot },
        { when: 'while it is undone', at: before('DeleteImages'), faults: [imageFails], ends: failed },
      ],
    },
  },
  {
    what: 'the image is deleted',
    act: deleteImage,
    moments: {
      instance: [
        { when: 'as soon as it was asked for', at: after('CreateImage'), ends: lostImage },
        { when: 'while it is made', at: polling, ends: lostImage },
        { when: 'before it is tagged as kept', at: before('TagResources', 2), ends: lostImage },
        { when: 'before the launch', at: { before: launch }, ends: lostImage },
        { when: 'while it is undone', at: before('DeleteImages'), faults: [imageFails], ends: failed },
      ],
      snapshots: [
        { when: 'while it is made', at: polling, ends: lostImage },
        { when: 'before it is tagged as kept', at: before('TagResources', 2), ends: lostImage },
      ],
    },
  },
  {
    what: 'the new instance is terminated',
    act: someoneElse('terminate-instance', findIn.launched),
    moments: {
      instance: [
        { when: 'as soon as it was asked for', at: { after: launch }, ends: { failed: /^InstanceGone$/ } },
        { when: 'before it is tagged', at: before('TagResources', 3), ends: { failed: /^InstanceGone$/ } },
      ],
      snapshots: [],
    },
  },
  {
    what: 'the tag of the build is taken from the snapshots',
    act: someoneElse('retag', findIn.snapshots, { tags: { [tagKeys.build]: null } }),
    moments: {
      instance: [{ when: 'before it is undone', at: before('StartInstances'), faults: [imageFails], ends: failed }],
      snapshots: [],
    },
  },
  {
    what: 'the tag of the build is taken from the image',
    act: someoneElse('retag', findIn.images, { tags: { [tagKeys.build]: null } }),
    moments: {
      instance: [{ when: 'before it is undone', at: before('StartInstances'), faults: [imageFails], ends: failed }],
      snapshots: [],
    },
  },
];

export const someoneElses: Scenario[] = meddlings.flatMap(({ what, act, moments, changed }) =>
  methods.flatMap((method) =>
    moments[method].map(({ when, at, ...rest }): Scenario => ({
      group,
      name: `${method} · ${what} ${when}`,
      spec: { method },
      beats: [{ at, act }],
      ...(changed ? { changed } : {}),
      ...rest,
    })),
  ),
);
