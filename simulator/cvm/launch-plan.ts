import { type Image, type Subnet, type Tags } from '../state/records';
import { regionOf } from '../vpc/regions';
import { type Call } from '../wire/action';
import { ApiError } from '../wire/errors';
import { characters } from '../wire/formats';
import { flagOf, requireOneOf } from '../wire/values';
import { instanceQuota, instancesUsed } from './account-quota';
import { publicOwner, requireImage } from './images';
import { instanceTypes } from './instance-types';
import { type DiskPlan, type DiskRequest, planDataDisks, planSystemDisk } from './launch-disks';
import { chooseSecurityGroups, chooseSubnet } from './launch-network';
import { type TagSpecification, specifiedTags } from './tag-specification';

/** The parameters of RunInstances that the simulator looks at. */
export interface LaunchRequest {
  readonly InstanceChargeType?: string;
  readonly InstanceChargePrepaid?: { readonly Period: number };
  readonly Placement?: { readonly Zone: string };
  readonly InstanceType?: string;
  readonly ImageId?: string;
  readonly SystemDisk?: DiskRequest;
  readonly DataDisks?: readonly DiskRequest[];
  readonly VirtualPrivateCloud?: { readonly VpcId: string; readonly SubnetId: string };
  readonly InternetAccessible?: {
    readonly InternetMaxBandwidthOut?: number;
    readonly InternetChargeType?: string;
    readonly PublicIpAssigned?: boolean;
  };
  readonly InstanceCount?: number;
  readonly MinCount?: number;
  readonly InstanceName?: string;
  readonly LoginSettings?: {
    readonly Password?: string;
    readonly KeyIds?: readonly string[];
    readonly KeepImageLogin?: string;
  };
  readonly SecurityGroupIds?: readonly string[];
  readonly ClientToken?: string;
  readonly HostName?: string;
  readonly TagSpecification?: readonly TagSpecification[];
  readonly UserData?: string;
  readonly DryRun?: boolean;
  readonly CamRoleName?: string;
  readonly DisableApiTermination?: boolean;
}

/** A launch that has been checked and can no longer fail. */
export interface LaunchPlan {
  readonly image: Image;
  readonly zone: string;
  readonly type: string;
  readonly chargeType: string;
  readonly count: number;
  readonly name: string;
  readonly systemDisk: DiskPlan;
  readonly dataDisks: readonly DiskPlan[];
  readonly subnet: Subnet;
  readonly securityGroupIds: readonly string[];
  readonly keyIds: readonly string[];
  readonly bandwidth: number;
  readonly declinesPublicIp: boolean;
  readonly internetChargeType: string;
  readonly hostName: string;
  readonly userData: string;
  readonly camRoleName: string;
  readonly protected: boolean;
  readonly tags: Tags;
}

const internetChargeTypes = [
  'BANDWIDTH_PREPAID',
  'TRAFFIC_POSTPAID_BY_HOUR',
  'BANDWIDTH_POSTPAID_BY_HOUR',
  'BANDWIDTH_PACKAGE',
];

/** Checks a launch against the documented rules, in one place, before anything is made. */
export function checkLaunch(call: Call, request: LaunchRequest): LaunchPlan {
  const zone = zoneOf(call, request);
  if ((request.ImageId ?? '') === '') throw missing('ImageId');
  const image = launchable(call, request.ImageId!);
  const count = request.InstanceCount ?? 1;
  if (count < 1 || count > 500)
    throw new ApiError('InvalidParameterValue.Range', '`InstanceCount` must be between 1 and 500.');
  const name = (request.InstanceName ?? '') === '' ? '未命名' : request.InstanceName!;
  if (characters(name) > 128)
    throw new ApiError('InvalidInstanceName.TooLong', 'The instance name exceeds 128 characters.');
  const chargeType = chargeTypeOf(request);
  requireInstanceQuota(call, zone, chargeType, count);
  requireHostName(numbered(request.HostName ?? '', 0), image.system.windows);
  requireUserData(request.UserData ?? '');
  requireMinCount(request.MinCount, count);
  const internetChargeType = request.InternetAccessible?.InternetChargeType ?? '';
  requireOneOf('InternetAccessible.InternetChargeType', internetChargeType, internetChargeTypes);
  const subnet = chooseSubnet(call, zone, request.VirtualPrivateCloud, count);
  return {
    image,
    zone,
    type: typeOf(request),
    chargeType,
    count,
    name,
    systemDisk: planSystemDisk(call, image, request.SystemDisk ?? {}),
    dataDisks: planDataDisks(call, image, request.DataDisks ?? []),
    subnet,
    securityGroupIds: chooseSecurityGroups(call, request.SecurityGroupIds ?? []),
    keyIds: checkLogin(call, image, request.LoginSettings ?? {}),
    bandwidth: request.InternetAccessible?.InternetMaxBandwidthOut ?? 0,
    declinesPublicIp: request.InternetAccessible?.PublicIpAssigned === false,
    internetChargeType: internetChargeType === '' ? 'TRAFFIC_POSTPAID_BY_HOUR' : internetChargeType,
    hostName: request.HostName ?? '',
    userData: request.UserData ?? '',
    camRoleName: request.CamRoleName ?? '',
    protected: request.DisableApiTermination ?? false,
    tags: specifiedTags(request.TagSpecification, 'instance'),
  };
}

/** What the price of a launch depends on, checked like the launch itself. */
export function checkPriced(
  call: Call,
  request: LaunchRequest,
): { readonly type: string; readonly chargeType: string; readonly count: number; readonly disksGiB: number } {
  zoneOf(call, request);
  if ((request.ImageId ?? '') === '') throw missing('ImageId');
  const image = launchable(call, request.ImageId!);
  const count = request.InstanceCount ?? 1;
  if (count < 1 || count > 100)
    throw new ApiError('InvalidParameterValue.Range', '`InstanceCount` must be between 1 and 100.');
  const disks = [
    planSystemDisk(call, image, request.SystemDisk ?? {}),
    ...planDataDisks(call, image, request.DataDisks ?? []),
  ];
  return {
    type: typeOf(request),
    chargeType: chargeTypeOf(request),
    count,
    disksGiB: disks.reduce((sum, disk) => sum + disk.size, 0),
  };
}

function launchable(call: Call, id: string): Image {
  const image = requireImage(call.world, call.account, call.region, id);
  if (image.state !== 'NORMAL') {
    throw new ApiError(
      'InvalidParameterValue.InvalidImageState',
      `The image \`${image.id}\` is in the state \`${image.state}\`.`,
    );
  }
  return image;
}

function requireMinCount(least: number | undefined, count: number): void {
  if (least !== undefined && (least < 1 || least > count))
    throw new ApiError('InvalidParameterValue.InvalidParameterMinCount', '`MinCount` must be 1 to `InstanceCount`.');
}

/** `{R:x}` in a name becomes x for the first instance, x + 1 for the second; `{R:x,F:y}` writes it with y digits. */
export function numbered(name: string, index: number): string {
  return name.replace(/\{R:(\d+)(?:,F:(\d))?\}/g, (_, from: string, digits: string | undefined) =>
    String(Number(from) + index).padStart(Number(digits ?? 0), '0'),
  );
}

function requireInstanceQuota(call: Call, zone: string, chargeType: string, count: number): void {
  const { world, account, region } = call;
  const quota = instanceQuota(world, region);
  if (instancesUsed(world, account, region, zone, chargeType) + count <= quota) return;
  const codes: Readonly<Record<string, string>> = {
    PREPAID: 'LimitExceeded.PrepayQuota',
    SPOTPAID: 'LimitExceeded.SpotQuota',
  };
  throw new ApiError(
    codes[chargeType] ?? 'LimitExceeded.InstanceQuota',
    `The number of instances in \`${zone}\` would exceed the quota \`${quota}\`.`,
  );
}

function missing(name: string): ApiError {
  return new ApiError('MissingParameter', `The request is missing a required parameter \`${name}\`.`);
}

function zoneOf(call: Call, request: LaunchRequest): string {
  const zone = request.Placement?.Zone ?? '';
  if (zone === '') throw missing('Placement');
  if (!regionOf(call.region).zones.includes(zone)) {
    throw new ApiError('InvalidZone.MismatchRegion', `The zone \`${zone}\` is not in the region \`${call.region}\`.`);
  }
  return zone;
}

function typeOf(request: LaunchRequest): string {
  const type = (request.InstanceType ?? '') === '' ? 'S5.MEDIUM4' : request.InstanceType!;
  if (!/^[A-Z0-9a-z]+\.[A-Z0-9]+$/.test(type))
    throw new ApiError('InvalidInstanceType.Malformed', `The instance type \`${type}\` is malformed.`);
  if (!instanceTypes.has(type))
    throw new ApiError('InvalidParameterValue.InstanceTypeNotFound', `The instance type \`${type}\` does not exist.`);
  return type;
}

function chargeTypeOf(request: LaunchRequest): string {
  const type = (request.InstanceChargeType ?? '') === '' ? 'POSTPAID_BY_HOUR' : request.InstanceChargeType!;
  if (!['POSTPAID_BY_HOUR', 'PREPAID', 'SPOTPAID'].includes(type)) {
    throw new ApiError('InvalidParameterValue', `The simulator does not sell instances as \`${type}\`.`);
  }
  if (type === 'PREPAID' && request.InstanceChargePrepaid === undefined) throw missing('InstanceChargePrepaid');
  return type;
}

/** Refuses a host name against the rules of the system. */
export function requireHostName(name: string, windows: boolean): void {
  const [least, most] = windows ? [2, 15] : [2, 60];
  const bad =
    name.length < least || name.length > most || /^[.-]|[.-]$|[.-]{2}/.test(name) || !/^[A-Za-z0-9.-]+$/.test(name);
  if (name !== '' && bad)
    throw new ApiError('InvalidParameterValue.IllegalHostName', `The host name \`${name}\` is not valid.`);
}

/** Refuses user data that is not base64 or too long. */
export function requireUserData(data: string): void {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(data) || data.length > 16 * 1024) {
    throw new ApiError('InvalidParameterValue.InvalidUserDataFormat', '`UserData` must be base64 of at most 16 KB.');
  }
}

/** The key pairs to bind; a password, a key and the image's own login exclude each other. */
function checkLogin(call: Call, image: Image, login: NonNullable<LaunchRequest['LoginSettings']>): readonly string[] {
  const password = login.Password ?? '';
  const keyIds = login.KeyIds ?? [];
  const keep = flagOf('LoginSettings.KeepImageLogin', login.KeepImageLogin);
  if ([password !== '', keyIds.length > 0, keep].filter(Boolean).length > 1) {
    throw new ApiError('InvalidParameterCombination', '`Password`, `KeyIds` and `KeepImageLogin` exclude each other.');
  }
  if (keep && image.account === publicOwner) {
    throw new ApiError('InvalidParameterValue', '`KeepImageLogin` is for custom, shared and imported images only.');
  }
  if (password !== '') checkPassword(password, image.system.windows);
  for (const id of keyIds) {
    if (!/^skey-[0-9a-z]{8}$/.test(id))
      throw new ApiError('InvalidKeyPairId.Malformed', `The key pair ID \`${id}\` is malformed.`);
    const key = call.world.keyPairs.get(id);
    if (key?.account !== call.account || key.region !== call.region) {
      throw new ApiError('InvalidParameterValue.KeyPairNotFound', `The key pair \`${id}\` does not exist.`);
    }
  }
  if (keyIds.length > 0 && image.system.windows) {
    throw new ApiError('UnsupportedOperation.KeyPairUnsupportedWindows', 'Windows instances do not take key pairs.');
  }
  return keyIds;
}

function checkPassword(password: string, windows: boolean): void {
  const classes = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^A-Za-z0-9]/].filter((kind) => kind.test(password)).length;
  const [least, kinds] = windows ? [12, 3] : [8, 2];
  if (password.length < least || password.length > 30 || classes < kinds) {
    throw new ApiError(
      'InvalidParameterValue.InvalidPassword',
      `A password has ${least} to 30 characters of at least ${kinds} kinds.`,
    );
  }
}
