import { type SpecFlag, specFlags } from './spec-flags';

const launchPrefix = '--launch-';

/** The flags of `cvm-image launch` that stand for a field of its spec: those of a build's launch, without their prefix. */
export const launchFlags: SpecFlag[] = [
  { flags: '--region <region>', path: ['region'], description: 'region of the image' },
  ...specFlags
    .filter(({ flags }) => flags.startsWith(launchPrefix))
    .map((flag) => ({
      ...flag,
      flags: flag.flags.replace(launchPrefix, '--'),
      description: flag.description.replaceAll(launchPrefix, '--'),
    }))
    .map((flag) => (flag.path[1] === 'zone' ? { ...flag, description: 'zone of the new instance' } : flag)),
  {
    flags: '--build [id]',
    path: ['build'],
    description: "new data disks from this build's snapshots (without an ID: of the build that made the image)",
  },
  { flags: '--role-arn <arn>', path: ['roleArn'], description: 'CAM role that the worker assumes for this launch' },
  {
    flags: '--deadline <step=duration>',
    path: ['deadlines'],
    kind: 'pairs',
    description: 'deadline of a step: launchInstance=45m',
  },
];
