import { randomBytes, createHash } from 'node:crypto';
import type { BuildSpecInput } from '../../contract';

/** The instance that the demo builds an image of, and its data disks; part of what the simulator contains at first. */
export const source = {
  region: 'ap-guangzhou',
  instanceId: 'ins-web00001',
  dataDisks: ['disk-webdata1', 'disk-webdata2'],
} as const;

/**
 * What the demo builds. The same every time: asking for it again joins an unfinished build, which is how an interrupted
 * demo goes on.
 */
export const demoSpec: BuildSpecInput = {
  region: source.region,
  instanceId: source.instanceId,
  image: {
    name: 'web-{date}-{time}',
    family: 'web',
    description: 'Golden image of the web servers, made by the demo',
    tags: { team: 'web' },
  },
  launch: { zone: 'ap-guangzhou-3', name: 'web-from-image' },
  // A worker that was killed is to be missed soon: people watch.
  deadlines: { heartbeat: '8s' },
};

/** Text that nobody has written before, so that a copy of it is a copy. */
export function freshContent(diskId: string): string {
  const heading = `Data of ${source.instanceId} on ${diskId}, written ${new Date().toISOString()}`;
  return [heading, ...Array.from({ length: 64 }, () => randomBytes(32).toString('hex')), ''].join('\n');
}

export const sha256 = (content: string) => createHash('sha256').update(content).digest('hex');
