import { type Tags } from '../state/records';
import { type Row, type Table } from '../state/table';
import { type World } from '../state/world';
import { isDeleted } from '../cbs/snapshots';
import { isLocal } from '../cvm/instances';
import { ApiError } from '../wire/errors';

/** A resource that takes tags. */
export interface Tagged {
  /** `qcs::cvm:<region>:uin/<uin>:image/<id>` */
  readonly name: string;
  readonly id: string;
  readonly tags: Tags;
}

/** The kinds of resources, by the prefix that their six-segment names have. */
const kinds = ['instance', 'image', 'snapshot', 'volume', 'disk', 'keypair', 'vpc', 'subnet', 'sg'] as const;
type Kind = (typeof kinds)[number];

interface Place {
  readonly kind: Kind;
  readonly id: string;
}

/** Reads a six-segment name; throws when it is malformed, or not of this account. Terraform leaves the account out. */
export function parseName(account: string, name: string): Place & { readonly region: string } {
  const match = /^qcs::(cvm|cbs|vpc):([a-z0-9-]+):uin\/(\d*):([a-z]+)\/([a-z]+-[0-9a-z]{8})$/.exec(name);
  const kind = kinds.find((candidate) => candidate === match?.[4]);
  if (match === null || kind === undefined) {
    throw new ApiError('InvalidParameterValue.ResourceDescriptionError', `The resource name \`${name}\` is malformed.`);
  }
  const [, , region = '', uin = '', , id = ''] = match;
  if (uin !== '' && uin !== account)
    throw new ApiError('AuthFailure.UnauthorizedOperation', `The resource \`${name}\` belongs to another account.`);
  return { kind, id, region };
}

type TaggableRow = Row & { readonly account: string; readonly region: string; readonly tags: Tags };

const tableOf = (world: World, kind: Kind): Table<TaggableRow> => {
  const tables: Readonly<Record<Kind, unknown>> = {
    instance: world.instances,
    image: world.images,
    snapshot: world.snapshots,
    volume: world.disks,
    disk: world.disks,
    keypair: world.keyPairs,
    vpc: world.vpcs,
    subnet: world.subnets,
    sg: world.securityGroups,
  };
  return tables[kind] as Table<TaggableRow>;
};

/** The tags of the resource that a name means, or undefined when there is none. */
export function tagsOf(world: World, account: string, name: string): Tags | undefined {
  const { kind, id, region } = parseName(account, name);
  const row = tableOf(world, kind).get(id);
  if (row?.account !== account || row.region !== region || (kind === 'snapshot' && isRecycled(world, id)))
    return undefined;
  return row.tags;
}

/** A snapshot that is deleted is described for a while, but nothing can be done with it any more. */
function isRecycled(world: World, id: string): boolean {
  return isDeleted(world.snapshots.must(id));
}

/** Replaces the tags of the resource that a name means. */
export function setTags(world: World, account: string, name: string, tags: Tags): void {
  const { kind, id } = parseName(account, name);
  tableOf(world, kind).update(id, { tags });
}

/** Every tagged resource of the account, in all regions. */
export function* taggedResources(world: World, account: string): Generator<Tagged> {
  for (const kind of ['instance', 'image', 'snapshot', 'volume', 'keypair', 'vpc', 'subnet', 'sg'] as const) {
    for (const row of tableOf(world, kind).all()) {
      if (row.account !== account || Object.keys(row.tags).length === 0) continue;
      if (kind === 'snapshot' && isRecycled(world, row.id)) continue;
      if (kind === 'volume' && isLocal(world.disks.must(row.id))) continue;
      const service = ['vpc', 'subnet', 'sg'].includes(kind) ? 'vpc' : 'cvm';
      yield { name: `qcs::${service}:${row.region}:uin/${account}:${kind}/${row.id}`, id: row.id, tags: row.tags };
    }
  }
}
