import { type Party, type QuotaActivities, type RoomSeen, tagKeys } from '../../contract';
import { standingOf } from '../build-standing';
import type { Image } from '../cloud/cloud';
import { customImages } from '../cloud/images';
import { tagValue } from '../cloud/tags';
import type { StepRun } from '../engine/run';
import { step } from '../engine/step';
import { whatMayGo } from './retire';

type InputOf<Name extends keyof QuotaActivities> = Parameters<QuotaActivities[Name]>[0];

/** Builds that Temporal is asked about at a time. */
const together = 10;

/**
 * Looks how many custom images the region has and may have (DescribeImageQuota answers the total), and which of the holders of
 * slots have made theirs. When that is not enough for all that wait, Temporal is asked who of them is over. Changes nothing.
 */
export const inspectRoom = step<InputOf<'inspectRoom'>, RoomSeen>('before changes', async (run, input) => {
  const { holders, waiting, standings } = input;
  if (!standings) {
    const seen = facts(await look(run), [...holders, ...waiting]);
    if (free(seen, holders) >= waiting.length) return seen;
  }
  return lookAfterAll(run, holders, waiting);
});

/**
 * Waits until there is room for one more, until somebody is over, or until the oldest of a family may go for somebody who wants
 * that. One wait however long it takes. Changes nothing.
 */
export const awaitRoom = step<InputOf<'awaitRoom'>, RoomSeen>('undo', async (run, input) => {
  const { holders, waiting, retiring } = input;
  const { region } = run.build;
  let askedAt = -Infinity;
  const seen = await run.achieve<RoomSeen>({
    title: `room for images in ${region}`,
    look: async () => {
      const now = await lookAfterAll(run, holders, waiting);
      // Who uses and shares an image takes several requests, and changes seldom.
      const due = performance.now() - askedAt >= run.settings.waits.maxSeconds * 1000;
      // A build gives up one image at most: that must be enough.
      if (retiring.length === 0 || !due || free(now, holders) !== 0 || now.over.length > 0) return now;
      for (const { owner, family } of retiring) {
        if ((await whatMayGo(run, family)).goes) now.retirable.push(owner);
      }
      askedAt = performance.now();
      return now;
    },
    judge: (now) => {
      if (now && isNews(now, holders)) return { is: 'done' };
      const numbers = `${now?.used ?? 0} of ${now?.total ?? 0} custom images, ${holders.length} slots promised`;
      return { is: 'going', waitingFor: `room in ${region}: ${numbers}, ${waiting.length} wait` };
    },
  });
  return seen!;
});

const isNews = (seen: RoomSeen, holders: Party[]) =>
  free(seen, holders) > 0 || seen.over.length > 0 || seen.retirable.length > 0;

/**
 * A look with the standings of all. They are asked for before the images: what a build that is over has made is there by then,
 * and is counted.
 */
async function lookAfterAll(run: StepRun, holders: Party[], waiting: Party[]): Promise<RoomSeen> {
  const all = [...holders, ...waiting];
  const over = await thoseOver(run, all);
  return { ...facts(await look(run), all), over };
}

async function look(run: StepRun): Promise<{ images: Image[]; total: number }> {
  return run.patiently('images and their quota', async () => {
    const [images, { ImageNumQuota: total = 0 }] = await Promise.all([
      customImages(run.cloud),
      run.cloud.call('cvm', 'DescribeImageQuota', null),
    ]);
    // A page may show what has moved there from another one.
    return { images: [...new Map(images.map((image) => [image.ImageId, image])).values()], total };
  });
}

function facts({ images, total }: { images: Image[]; total: number }, parties: Party[]): RoomSeen {
  const owners = new Set(images.map(({ Tags }) => tagValue(Tags, tagKeys.build)));
  // A copy takes no tags when it is made: until it is marked it is known by its name, lest it count as promised as well.
  const bare = new Set(images.filter(isBare).map(({ ImageName }) => ImageName));
  const has = ({ owner, imageName }: Party) => owners.has(owner) || (imageName !== undefined && bare.has(imageName));
  const withImage = parties.filter(has).map(({ owner }) => owner);
  return { used: images.length, total, withImage, over: [], retirable: [] };
}

const isBare = ({ Tags }: Image) => tagValue(Tags, tagKeys.build) === undefined;

/** Slots that are neither taken nor promised. */
function free({ used, total, withImage, over }: RoomSeen, holders: Party[]): number {
  const promised = holders.filter(({ owner }) => !withImage.includes(owner) && !over.includes(owner));
  return total - used - promised.length;
}

/** Those without an open run, as Temporal says; of whom it cannot say, they are taken to be at work. */
async function thoseOver(run: StepRun, parties: Party[]): Promise<string[]> {
  const over: string[] = [];
  for (let start = 0; start < parties.length; start += together) {
    const some = parties.slice(start, start + together).map(async ({ owner, buildId }) => {
      const { is } = await standingOf(run.build.region, buildId);
      if (is === 'closed' || is === 'missing') over.push(owner);
    });
    await Promise.all(some);
  }
  return over;
}
