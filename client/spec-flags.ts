/**
 * The flags of `cvm-image build` that stand for a field of the spec. Plain data that loads at once: the values are checked
 * with the spec, by the same rules as a file's.
 */
export interface SpecFlag {
  /** As commander writes it. */
  flags: string;
  /** Where the value goes in the spec. */
  path: string[];
  description: string;
  /**
   * `text` by default. `list`: repeatable, or separated by commas. `pairs`: repeatable key=value. `words-or-list`: one of the
   * spec's words, or a list. `file`: the text of the file named.
   */
  kind?: 'text' | 'number' | 'list' | 'pairs' | 'words-or-list' | 'on' | 'off' | 'file';
}

export const specFlags: SpecFlag[] = [
  { flags: '--region <region>', path: ['region'], description: 'region of the source instance' },
  { flags: '--instance <id>', path: ['instanceId'], description: 'instance that the image is made from' },
  {
    flags: '--image-name <name>',
    path: ['image', 'name'],
    description: 'name of the image; {date} {time} {instance} {family} {build} are filled in',
  },
  { flags: '--description <text>', path: ['image', 'description'], description: 'description of the image' },
  { flags: '--family <name>', path: ['image', 'family'], description: 'series of golden images that it continues' },
  {
    flags: '--no-set-image-family',
    path: ['image', 'setImageFamily'],
    kind: 'off',
    description: "do not set the cloud's own ImageFamily",
  },
  { flags: '--tag <key=value>', path: ['image', 'tags'], kind: 'pairs', description: 'tag of image and snapshots' },
  { flags: '--method <method>', path: ['method'], description: 'instance (default) or snapshots (shorter down-time)' },
  {
    flags: '--data-disks <what>',
    path: ['dataDisks'],
    kind: 'words-or-list',
    description: 'snapshot (default), include, none, or disk IDs',
  },
  { flags: '--stop-type <type>', path: ['stopType'], description: 'SOFT_FIRST (default), SOFT or HARD' },
  {
    flags: '--restart-source <when>',
    path: ['restartSource'],
    description: 'when-image-normal (default) or when-allowed',
  },
  { flags: '--sysprep', path: ['sysprep'], kind: 'on', description: 'Windows: generalise the image' },
  { flags: '--on-failure <what>', path: ['onFailure'], description: 'cleanup (default), hold or keep' },
  {
    flags: '--when-full <what>',
    path: ['room', 'whenFull'],
    description: 'no room for images: fail (default), wait or retire-oldest',
  },
  { flags: '--room-deadline <duration>', path: ['room', 'deadline'], description: 'how long it waits for room' },
  {
    flags: '--notify <name>',
    path: ['notify'],
    description: 'webhook of the worker that is told when somebody is needed',
  },
  { flags: '--role-arn <arn>', path: ['roleArn'], description: 'CAM role that the worker assumes for this build' },
  {
    flags: '--deadline <step=duration>',
    path: ['deadlines'],
    kind: 'pairs',
    description: 'deadline of a step or of the whole build: pollImage=90m, build=8h',
  },
  { flags: '--launch-zone <zone>', path: ['launch', 'zone'], description: 'launch an instance from the image there' },
  { flags: '--launch-type <type>', path: ['launch', 'instanceType'], description: 'its instance type' },
  { flags: '--launch-vpc <id>', path: ['launch', 'vpcId'], description: 'its VPC (with --launch-subnet)' },
  { flags: '--launch-subnet <id>', path: ['launch', 'subnetId'], description: 'its subnet' },
  {
    flags: '--launch-security-group <id>',
    path: ['launch', 'securityGroupIds'],
    kind: 'list',
    description: 'its security groups',
  },
  {
    flags: '--launch-charge-type <type>',
    path: ['launch', 'chargeType'],
    description: 'POSTPAID_BY_HOUR (default) or SPOTPAID',
  },
  { flags: '--launch-name <name>', path: ['launch', 'name'], description: 'its name' },
  { flags: '--launch-host-name <name>', path: ['launch', 'hostName'], description: 'its host name' },
  {
    flags: '--launch-bandwidth <mbps>',
    path: ['launch', 'publicBandwidth'],
    kind: 'number',
    description: 'public bandwidth; 0 (default): no public address',
  },
  {
    flags: '--launch-disk-size <gib>',
    path: ['launch', 'systemDisk', 'size'],
    kind: 'number',
    description: 'size of its system disk',
  },
  {
    flags: '--launch-disk-type <type>',
    path: ['launch', 'systemDisk', 'type'],
    description: 'type of its system disk',
  },
  { flags: '--launch-key <id>', path: ['launch', 'keyIds'], kind: 'list', description: 'its key pairs' },
  {
    flags: '--launch-keep-login',
    path: ['launch', 'keepImageLogin'],
    kind: 'on',
    description: 'keep the users and passwords of the image',
  },
  {
    flags: '--launch-user-data <file>',
    path: ['launch', 'userData'],
    kind: 'file',
    description: "cloud-init user data; visible in the workflow's history",
  },
  { flags: '--launch-cam-role <name>', path: ['launch', 'camRole'], description: 'its CAM role' },
  { flags: '--launch-tag <key=value>', path: ['launch', 'tags'], kind: 'pairs', description: 'its tags' },
];

/** Whether a retry may change the field that a flag stands for. */
export const isAmendable = ({ path: [first, second] }: SpecFlag): boolean =>
  first === 'launch' || (first === 'image' && ['name', 'description', 'tags'].includes(second!));

/** A flag's bare name, such as `--launch-zone`. */
export const flagName = ({ flags }: SpecFlag): string => flags.split(' ')[0]!;

/** The key under which commander keeps a flag's value: `--launch-zone` → `launchZone`, `--no-x` → `x`. */
export const flagKey = (flag: SpecFlag): string =>
  flagName(flag)
    .replace(/^--(no-)?/, '')
    .replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Whether a flag may be given more than once. */
export const isRepeatable = ({ kind }: SpecFlag): boolean =>
  kind === 'list' || kind === 'pairs' || kind === 'words-or-list';
