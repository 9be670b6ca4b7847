import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { loadSpec } from '../../client/spec-input';

const folder = mkdtempSync(path.join(os.tmpdir(), 'cvm-image-spec-'));
after(() => rmSync(folder, { recursive: true }));

let files = 0;
function file(text: string): string {
  const name = path.join(folder, `spec-${files++}.yaml`);
  writeFileSync(name, text);
  return name;
}

const minimal = 'region: ap-guangzhou\ninstanceId: ins-web00001\nimage: { name: web, tags: { a: "1" } }\n';
const messageOf = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  return assert.fail('it was accepted');
};

describe('a spec from file and flags', () => {
  test('takes flags alone', () => {
    const spec = loadSpec(undefined, {
      region: 'ap-guangzhou',
      instance: 'ins-web00001',
      imageName: 'web',
      setImageFamily: true,
      tag: ['team=web', 'why=a=b'],
      dataDisks: ['disk-webdata1,disk-webdata2'],
      deadline: ['pollImage=90m', 'build=7200'],
      launchZone: 'ap-guangzhou-3',
      launchSecurityGroup: ['sg-gz000001', 'sg-gz000002'],
      launchBandwidth: '5',
      launchDiskSize: '80',
      launchKeepLogin: true,
    });
    assert.deepEqual(spec, {
      region: 'ap-guangzhou',
      instanceId: 'ins-web00001',
      image: { name: 'web', tags: { team: 'web', why: 'a=b' } },
      dataDisks: ['disk-webdata1', 'disk-webdata2'],
      deadlines: { pollImage: '90m', build: 7200 },
      launch: {
        zone: 'ap-guangzhou-3',
        securityGroupIds: ['sg-gz000001', 'sg-gz000002'],
        publicBandwidth: 5,
        systemDisk: { size: 80 },
        keepImageLogin: true,
      },
    });
  });

  test('lets flags override the file, and add tags to it', () => {
    const spec = loadSpec(file(minimal), {
      imageName: 'other',
      tag: ['b=2'],
      setImageFamily: false,
      dataDisks: ['none'],
    });
    assert.deepEqual(spec.image, { name: 'other', tags: { a: '1', b: '2' }, setImageFamily: false });
    assert.equal(spec.dataDisks, 'none');
  });

  test('takes JSON', () => {
    const json = JSON.stringify({ region: 'ap-guangzhou', instanceId: 'ins-web00001', image: { name: 'web' } });
    assert.equal(loadSpec(file(json), {}).image.name, 'web');
  });

  test('takes the examples of the documentation', () => {
    for (const name of ['build', 'minimal', 'windows']) {
      loadSpec(path.resolve(__dirname, '../../../docs/examples', `${name}.yaml`), {});
    }
  });

  test('tells every problem at once, each with its file or its flag', () => {
    const name = file(`${minimal}methd: instance\nlaunch: {}\n`);
    assert.equal(
      messageOf(() => loadSpec(name, { region: 'guangzhou', launchBandwidth: 'much' })),
      [
        '--region: region: expected a region such as ap-guangzhou (found "guangzhou")',
        `${name}: launch.zone: missing; expected string`,
        '--launch-bandwidth: launch.publicBandwidth: expected number (found "much")',
        `${name}: methd: unknown key; did you mean method?`,
      ].join('\n'),
    );
    assert.equal(
      messageOf(() => loadSpec(undefined, { region: 'ap-guangzhou' })),
      '--instance: instanceId: missing; expected string\n--image-name: image.name: missing; expected string',
    );
  });

  test('tells where YAML is wrong, and files that cannot be read', () => {
    const wrong = file('region: ap-guangzhou\nimage: {name: web\n');
    assert.match(
      messageOf(() => loadSpec(wrong, {})),
      /spec-\d+\.yaml:\d+:\d+: /,
    );
    const twice = file(`${minimal}region: ap-shanghai\n`);
    assert.match(
      messageOf(() => loadSpec(twice, {})),
      /spec-\d+\.yaml:4:1: Map keys must be unique/,
    );
    assert.match(
      messageOf(() => loadSpec(file('- a\n'), {})),
      /a spec is a mapping/,
    );
    assert.match(
      messageOf(() => loadSpec(path.join(folder, 'none.yaml'), {})),
      /cannot be read: there is no such file$/,
    );
    assert.match(
      messageOf(() => loadSpec(folder, {})),
      /cannot be read: it is a directory$/,
    );
    assert.match(
      messageOf(() => loadSpec(undefined, {})),
      /--spec FILE/,
    );
    assert.match(
      messageOf(() => loadSpec(file(minimal), { tag: ['web'] })),
      /^--tag: expected <key=value> \(found "web"\)$/,
    );
  });
});
