import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, test } from 'node:test';
import { actions } from '../../simulator/actions';
import { type Simulator } from '../../simulator/index';
import { type Field, serviceOf, services, type ServiceName } from '../../simulator/wire/schema';
import { Dice } from '../support/dice';
import { Cloud, codeOf, control, type Fields, sendV1, simulatorFor } from './support';

/** `SIMULATOR_SEED=…` repeats a run, `SIMULATOR_STEPS=…` sets the calls for each action. */
const seed = Number(process.env.SIMULATOR_SEED ?? randomInt(2 ** 31));
const callsPerAction = Number(process.env.SIMULATOR_STEPS ?? 30);

/** Texts that mean something somewhere. */
const texts = [
  ...[
    '',
    ' ',
    'x',
    '未命名',
    'a'.repeat(300),
    '\u0000',
    '-1',
    '0',
    '1',
    '18446744073709551616',
    'true',
    'null',
    '../..',
  ],
  ...['ins-web00001', 'ins-api00001', 'ins-00000000', 'ins-', 'img-ubuntu24', 'img-shared01', 'img-00000000'],
  ...['disk-webdata1', 'disk-apidata1', 'disk-ldsdata1', 'snap-00000000', 'skey-gz000001', 'vpc-gz000001'],
  ...['subnet-gz000003', 'sg-gz000001', 'sg-gz000002', 'ap-guangzhou', 'ap-tokyo', 'ap-atlantis', 'ap-guangzhou-3'],
  ...['S5.MEDIUM4', 'CLOUD_PREMIUM', 'CLOUD_SSD', 'LOCAL_SSD', 'POSTPAID_BY_HOUR', 'PREPAID', 'SPOTPAID'],
  ...['SOFT', 'HARD', 'SOFT_FIRST', 'KEEP_CHARGING', 'STOP_CHARGING', 'SHARE', 'CANCEL', 'instance', 'image', 'volume'],
  ...['100000000001', '100000000002', 'zone', 'instance-id', 'image-name', 'tag:team', 'tag-key', 'tag:', 'cvm', 'web'],
  ...[
    'qcs::cvm:ap-guangzhou:uin/100000000001:instance/ins-web00001',
    'qcs::cam::uin/100000000001:roleName/ImageBuilder',
  ],
  ...['2026-12-31T00:00:00+08:00', '2026-13-45', '10.0.0.0/16', '10.0.0.0/33', 'TCP', 'ACCEPT', '22', '1-', 'all'],
  ...[
    '%7B%22statement%22%3A%5B%7B%7D%5D%7D',
    '%',
    '{"statement":[1]}',
    'ssh-rsa AAAA',
    'eA==',
    '{R:1}',
    '{R:99999999999}',
  ],
];
/** What the fields of these names are mostly given, so that requests get beyond the first check. */
const likely: readonly (readonly [RegExp, readonly string[]])[] = [
  [/InstanceIds?$/, ['ins-web00001', 'ins-web00002', 'ins-api00001', 'ins-win00001', 'ins-pre00001', 'ins-bat00001']],
  [/DiskIds?$/, ['disk-websys01', 'disk-webdata1', 'disk-apisys01', 'disk-apidata1', 'disk-encsys01']],
  [/ImageIds?$/, ['img-ubuntu24', 'img-win2022d', 'img-shared01', 'img-fuzz0001', 'img-fuzz0002']],
  [/KeyIds?$/, ['skey-gz000001']],
  [/VpcIds?$/, ['vpc-gz000001', 'vpc-gz000002']],
  [/SubnetIds?$/, ['subnet-gz000003', 'subnet-gz000021']],
  [/SecurityGroupIds?$/, ['sg-gz000001', 'sg-gz000002']],
  [/Zone$/, ['ap-guangzhou-3', 'ap-guangzhou-4']],
  [/Regions?$/, ['ap-tokyo', 'ap-singapore', 'ap-guangzhou']],
  [/AccountIds?$/, ['100000000002', '100000000001']],
  [/InstanceType$/, ['S5.MEDIUM4', 'S5.LARGE8']],
  [/DiskType$/, ['CLOUD_PREMIUM', 'CLOUD_SSD', 'CLOUD_BSSD']],
  [/ChargeType$/, ['POSTPAID_BY_HOUR', 'PREPAID']],
  [/Name$/, ['fuzz', 'fuzz_1', 'web-1']],
  [/^Resource(List)?$/, ['qcs::cvm:ap-guangzhou:uin/100000000001:instance/ins-web00001']],
  [/^RoleArn$/, ['qcs::cam::uin/100000000001:roleName/ImageBuilder']],
  [/^Policy$/, ['{"version":"2.0","statement":[{"effect":"allow"}]}']],
  [/CidrBlock$/, ['10.0.0.0/16', '10.1.0.0/24', '172.16.0.0/16']],
  [/^Permission$/, ['SHARE', 'CANCEL']],
];
const numbers = [0, 1, 2, 3, 10, 20, 50, 100, 101, 500, 16_000, 2 ** 31, Number.MAX_SAFE_INTEGER, -1, 1.5];

describe('any request', () => {
  test(`that fits the description, or nearly, is answered as described (seed ${seed})`, async (t) => {
    t.diagnostic(`seed ${seed}`);
    const simulator = await simulatorFor(t);
    const cloud = new Cloud(simulator.port);
    const maker = new RequestMaker(new Dice(seed));
    const outcomes = new Set<string>();
    for (const action of Object.keys(actions)) {
      const service = serviceOf.get(action)!;
      await control(simulator.url, 'POST', '/reset');
      maker.snapshotIds = await prepared(cloud, simulator);
      for (let call = 0; call < callsPerAction; call++) {
        const params = maker.request(service, action);
        const answer = await cloud.send(action, params);
        const code = codeOf(answer);
        const where = `${action} ${JSON.stringify(params)} (SIMULATOR_SEED=${seed}): ${answer.body}`;
        assert.equal(answer.status, 200, where);
        // In the strict mode of the tests, whatever is not as described is an InternalError.
        assert.notEqual(code, 'InternalError', where);
        outcomes.add(`${action} ${code}`);
      }
    }
    t.diagnostic(`${outcomes.size} different outcomes`);
    assert.ok(outcomes.size > 2 * Object.keys(actions).length, 'requests that are all refused alike prove little');
  });

  test(`says the same over V1 as over TC3, when it only looks (seed ${seed})`, async (t) => {
    const { port } = await simulatorFor(t);
    const cloud = new Cloud(port);
    const maker = new RequestMaker(new Dice(seed));
    const looking = Object.keys(actions).filter((action) => /^(Describe|Get(CallerIdentity|Resources))/.test(action));
    for (const action of looking) {
      for (let call = 0; call < 5; call++) {
        const params = maker.request(serviceOf.get(action)!, action);
        const flat = flattened(params);
        // A form cannot say everything that JSON can: empty objects and lists, and values of another type.
        if (flat === undefined || !maker.wellFormed) continue;
        const [json, form] = await Promise.all([cloud.send(action, params), sendV1(port, action, flat)]);
        const withoutId = (body: string): string => body.replace(/"RequestId":"[^"]*"/, '');
        assert.equal(withoutId(form.body), withoutId(json.body), `${action} ${JSON.stringify(params)}`);
      }
    }
  });
});

/** Two images and two snapshots of one's own; answers the snapshots. */
async function prepared(cloud: Cloud, simulator: Simulator): Promise<string[]> {
  const region = cloud.region;
  const images = ['img-fuzz0001', 'img-fuzz0002'].map((id, index) => ({
    region,
    id,
    name: id,
    dataDisks: index === 0 ? [] : [20],
  }));
  simulator.seed({ images });
  const ids = [];
  for (const DiskId of ['disk-webdata1', 'disk-apisys01']) {
    ids.push(String((await cloud.ask('CreateSnapshot', { DiskId })).SnapshotId));
  }
  for (const id of ids) await cloud.snapshotDone(id);
  return ids;
}

/** Makes requests from the description of an action: mostly of the right form, with values that may mean something. */
class RequestMaker {
  /** Whether the last request was of the right form throughout. */
  wellFormed = true;
  snapshotIds: readonly string[] = ['snap-00000000'];

  constructor(private readonly dice: Dice) {}

  request(service: ServiceName, action: string): Fields {
    this.wellFormed = true;
    return this.object(service, services[service].actions[action]?.input ?? []);
  }

  private object(service: ServiceName, fields: readonly Field[]): Fields {
    const wanted = fields.filter((field) => field.required === true || this.dice.chance(0.3));
    return Object.fromEntries(wanted.map((field) => [field.name, this.value(service, field)]));
  }

  private value(service: ServiceName, field: Field): unknown {
    if (this.dice.chance(0.01)) {
      this.wellFormed = false;
      return this.dice.one([null, 'text', 7, true, [], {}, [[]], [null]]);
    }
    if (field.type !== 'list') return this.one(service, field);
    return Array.from({ length: this.dice.upTo(3) }, () => this.one(service, field));
  }

  private one(service: ServiceName, { name, member }: Field): unknown {
    const inner = services[service].objects[member];
    if (inner !== undefined) return this.object(service, inner);
    if (member === 'bool') return this.dice.chance(0.5);
    if (member === 'float' || member.endsWith('int64')) return this.dice.one(numbers);
    const isSnapshot = /SnapshotIds?$/.test(name);
    const [, usual = isSnapshot ? this.snapshotIds : texts] = likely.find(([pattern]) => pattern.test(name)) ?? [];
    return this.dice.one(this.dice.chance(0.8) ? usual : texts);
  }
}

/** Dotted names, or undefined when there is something that they cannot say. */
function flattened(params: Fields, path = ''): Record<string, string> | undefined {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(params)) {
    if (typeof value !== 'object' || value === null) {
      // V1 leaves empty values out of what it sends.
      if (value === '' || value === null) return undefined;
      flat[path + name] = typeof value === 'string' ? value : JSON.stringify(value);
      continue;
    }
    if (Object.keys(value).length === 0) return undefined;
    const inner = flattened(value as Fields, `${path}${name}.`);
    if (inner === undefined) return undefined;
    Object.assign(flat, inner);
  }
  return flat;
}
