import { type Tags } from '../state/records';
import { type World } from '../state/world';
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
const kinds = ['instance', 'image', 'snapshot', 'volume', 'disk'] as const;
type Kind = (typeof kinds)[number];

interface Place {
  readonly kind: Kind;
  readonly id: string;
}

/** Reads a six-segment name; throws when it is malformed, or not of this account. */
export function parseName(account: string, name: string): Place & { readonly region: string } {
  const match = /^qcs::(cvm|cbs):([a-z0-9-]+):uin\/(\d+):([a-z]+)\/([a-z]+-[0-9a-z]{8})$/.exec(name);
  const kind = kinds.find((candidate) => candidate === match?.[4]);
  if (match === null || kind === undefined) {
    throw new ApiError('InvalidParameterValue.ResourceDescriptionError', `The resource name \`${name}\` is malformed.`);
  }
  const [, , region = '', uin = '', , id = ''] = match;
  if (uin !== account)
    throw new ApiError('AuthFailure.UnauthorizedOperation', `The resource \`${name}\` belongs to another account.`);
  return { kind, id, region };
}

const tableOf = (
  world: World,
  kind: Kind,
): World['instances'] | World['images'] | World['snapshots'] | World['disks'] => {
  if (kind === 'instance') return world.instances;
  if (kind === 'image') return world.images;
  return kind === 'snapshot' ? world.snapshots : world.disks;
};

/** The tags of the resource that a name means, or undefined when there is none. */
export function tagsOf(world: World, account: string, name: string): Tags | undefined {
  const { kind, id, region } = parseName(account, name);
  const row = tableOf(world, kind).get(id);
  return row?.account === account && row.region === region ? row.tags : undefined;
}

/** Replaces the tags of the resource that a name means. */
export function setTags(world: World, account: string, name: string, tags: Tags): void {
  const { kind, id } = parseName(account, name);
  tableOf(world, kind).update(id, { tags });
}

/** Every tagged resource of the account, in all regions. */
export function* taggedResources(world: World, account: string): Generator<Tagged> {
  for (const kind of ['instance', 'image', 'snapshot', 'volume'] as const) {
    for (const row of tableOf(world, kind).all()) {
      if (row.account !== account || Object.keys(row.tags).length === 0) continue;
      if (kind === 'volume' && isLocal(world.disks.must(row.id))) continue;
      yield { name: `qcs::cvm:${row.region}:uin/${account}:${kind}/${row.id}`, id: row.id, tags: row.tags };
    }
  }
}
