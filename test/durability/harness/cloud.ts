import { tagKeys } from '../../../contract';
import { BuildWatch } from '../../../client/watch';
import { findBuilds, quoted } from '../../../client/list-builds';
import { trouble } from '../../../client/output/activity';
import type { StateResource } from '../../support/simulator';
import type { Play } from './play';
import { detailsOf } from './readable';
import { keyOf } from './site';
import type { Act, FaultForm, Moment } from './scenario';

/** What is in the scenario's region of its first build, now. */
export const findIn = {
  source: ({ key }: Play) => Promise.resolve([`ins-${key}`]),
  dataDisks: async (play: Play) => (await sourceOf(play)).dataDiskIds as string[],
  systemDisk: async (play: Play) => [(await sourceOf(play)).systemDiskId as string],
  images: (play: Play) => made(play, 'images'),
  snapshots: (play: Play) => made(play, 'snapshots'),
  /** Those that the cloud made for the build's image. */
  implicit: async (play: Play) => {
    const { images } = await play.cloud.state(play.region);
    return images.filter((one) => isOf(play, one)).flatMap(({ snapshots }) => ids(snapshots as { id: string }[]));
  },
  launched: (play: Play) => made(play, 'instances'),
  launchedDataDisks: async (play: Play) => {
    const { instances } = await play.cloud.state(play.region);
    return instances.filter((one) => isOf(play, one)).flatMap(({ dataDiskIds }) => dataDiskIds as string[]);
  },
};

const ids = (resources: { id: string }[]) => resources.map(({ id }) => id);
const isOf = ({ key }: Play, { tags }: StateResource) => tags[tagKeys.build]?.includes(`/${key}-`) === true;

async function made(play: Play, kind: 'images' | 'snapshots' | 'instances'): Promise<string[]> {
  return ids((await play.cloud.state(play.region))[kind].filter((one) => isOf(play, one)));
}

async function sourceOf({ cloud, region, key }: Play): Promise<StateResource> {
  const { instances } = await cloud.state(region);
  return instances.find(({ id }) => id === `ins-${key}`)!;
}

/** Someone else does something to what is found, at once and whatever the rules; to the first only, if asked for. */
export function someoneElse(
  act: string,
  on: (play: Play) => Promise<string[]>,
  { first = false, ...more }: { first?: boolean } & Record<string, unknown> = {},
): Act {
  return {
    name: `someone else: ${act}`,
    do: async (play) => {
      const found = await on(play);
      const chosen = first ? found.slice(0, 1) : found;
      if (chosen.length === 0) throw new Error(`${act}: there was nothing to do it to`);
      for (const id of chosen) {
        await play.cloud.send('POST', 'interfere', { act, id, ...more });
        if (takesAway(act, more)) play.taken.add(id);
      }
    },
  };
}

/** Whether a build can no longer call its own what this is done to. */
const takesAway = (act: string, { tags }: Record<string, unknown>) =>
  /^(delete|terminate)-/.test(act) || (tags as Record<string, unknown> | undefined)?.[tagKeys.build] === null;

/**
 * Someone else deletes the image, and leaves the snapshots that the cloud had made for it, as the API does unless it is
 * asked otherwise. They bear no tag: nothing says any more whose they are, so they are left to whoever left them.
 */
export const deleteImage: Act = {
  name: 'someone else: delete-image',
  do: async (play) => {
    for (const id of await findIn.implicit(play)) play.orphans.add(id);
    await someoneElse('delete-image', findIn.images).do(play);
  },
};

/** Someone else takes the name that the build has in mind. */
export const takeName: Act = {
  name: 'someone else: an image of the same name',
  do: async (play) => {
    const seeded = await play.cloud.send('POST', 'seed', {
      images: [{ region: play.region, name: play.fill('image-{key}') }],
    });
    const { images } = seeded as { images: { ImageId: string; SnapshotIds: string[] }[] };
    for (const { ImageId, SnapshotIds } of images) [ImageId, ...SnapshotIds].forEach((id) => play.others.add(id));
  },
};

/** There is no room any more for what the build is about to make. */
export const fillQuota = (which: 'imageQuota' | 'snapshotQuota' | 'instanceQuota'): Act => ({
  name: `someone else: ${which} is full`,
  do: ({ cloud, region }) => cloud.seed({ [which]: { [region]: 0 } }),
});

/** The key that the workers of the scenario have is revoked, or given back. */
export const revokeKey: Act = { name: 'the key is revoked', do: (play) => withKey(play, 'revoke-key') };
export const giveKeyBack: Act = { name: 'the key is given back', do: (play) => withKey(play, 'restore-key') };

async function withKey({ cloud, region }: Play, act: string): Promise<void> {
  await cloud.send('POST', 'interfere', { act, id: keyOf(region).id });
}

/** Arms a fault in the middle of a build; it must be met. */
export const arm = (name: string, form: FaultForm): Act => ({
  name,
  do: async (play) => void play.injected.push({ what: name, faultId: await play.arm(form) }),
});

/** No service of the region answers for so long, in real milliseconds. */
export const apiDown = (lasts: number): Act => ({
  name: `the API is down for ${lasts / 1000} s`,
  do: async (play) => {
    const kind = 'http-502';
    play.injected.push({ what: 'the API that is down', faultId: await play.arm({ kind, lasts }) });
    // It has no region, and perhaps nobody asks it meanwhile.
    await play.arm({ service: 'tag', kind, lasts });
  },
});

/** A moment so many real seconds after the one before it. */
export function later(seconds: number): Moment {
  const since = new WeakMap<Play, number>();
  return {
    called: `${seconds} s later`,
    once: (play) => {
      if (!since.has(play)) since.set(play, performance.now());
      return Promise.resolve(performance.now() - since.get(play)! >= seconds * 1000);
    },
  };
}

/** The image takes ten times as long as others, so that a busy machine sees it being made. */
export const slowImage: FaultForm = { action: 'CreateImage', kind: 'slow', factor: 10 };

/** While the image is waited for. */
export const polling: Moment = {
  called: 'while the image is waited for',
  lasts: slowImage,
  once: async (play) => {
    const { steps = [] } = (await play.progress()) ?? {};
    return steps.some(({ step, state }) => step === 'pollImage' && state === 'running');
  },
};

/** When the build is undone. */
export const undoing: Moment = {
  called: 'when it is undone',
  once: async (play) => (await play.progress())?.phase === 'undoing',
};

/** What a scenario expects to be read while the build waits. */
export interface Shown {
  /** The step or the undo that waits. */
  activity: string;
  /** The cloud's code, or another word that must be there. */
  says: RegExp;
  /** Whether a RequestId and what to do about it must be there too. */
  advice?: RegExp;
}

/** How long a person may have to look until it is there: a few of the slowest pauses. */
const patienceMs = 4000;

/**
 * Somebody looks at a build that waits: at what Temporal's UI shows of the pending activity, at `cvm-image show` and at
 * `cvm-image list`. The first must give the cause, with code and RequestId, and what to do; the second the same in short.
 */
export const look = ({ activity, says, advice }: Shown): Act => ({
  name: `somebody looks why ${activity} waits`,
  do: async (play) => {
    play.mayRead = true;
    let best = ['nobody has looked'];
    const watch = new BuildWatch(play.server.client, play.handle.workflowId);
    const giveUp = Date.now() + patienceMs;
    while (best.length > 0 && Date.now() < giveUp) {
      const { steps, undo, phase } = await watch.look();
      const views = [...steps.map(({ step: name, ...rest }) => ({ name, ...rest })), ...undo];
      const open = views.find(({ name, state }) => name === activity && state === 'running');
      const told = (open?.activity && trouble(open.activity, Date.now())) ?? '';
      const raw = open?.activity?.lastFailure?.message ?? '';
      const details = await detailsOf(play, play.build);
      const listed = await findBuilds(play.server.client, [`WorkflowId = ${quoted(play.handle.workflowId)}`], 2);
      const problems = [
        ...(open?.activity ? [] : [`${activity} is not open`]),
        ...(says.test(told) ? [] : [`show says "${told}" of ${activity}, not ${says.source}`]),
        ...(/RequestId [\w-]+/.test(told) || /NetworkError|HttpStatus/.test(told) ? [] : [`no RequestId in "${told}"`]),
        ...(advice === undefined || advice.test(raw) ? [] : [`"${raw}" does not say ${advice.source}`]),
        ...(new RegExp(`${activity}.*running`).test(details) ? [] : [`the details do not show that ${activity} runs`]),
        ...(listed.length === 1 && listed[0]!.phase === phase && listed[0]!.status === 'running'
          ? []
          : [`list: ${JSON.stringify(listed)}`]),
      ];
      // A look may fall between two attempts; one that shows all of it is enough.
      if (problems.length < best.length || best[0] === 'nobody has looked') best = problems;
    }
    play.unreadable.push(...best);
  },
});
