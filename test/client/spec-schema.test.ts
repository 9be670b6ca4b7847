import { Ajv } from 'ajv';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { type BuildSpecInput, checkSpec } from '../../contract';

const root = path.resolve(__dirname, '../../..');
const published = (kind: string) => path.join(root, `docs/${kind}.schema.json`);

interface Node {
  type?: string;
  description?: string;
  default?: unknown;
  properties?: Record<string, Node>;
}
const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
const schemaOf = (kind: string) => JSON.parse(readFileSync(published(kind), 'utf8')) as Node;
const [schema, launchSchema, pipelineSchema] = [schemaOf('spec'), schemaOf('launch'), schemaOf('pipeline')];
const [validate, validateLaunch] = [ajv.compile(schema), ajv.compile(launchSchema)];
const validatePipeline = ajv.compile(pipelineSchema);
const kinds: Record<string, [kind: string, valid: typeof validate]> = {
  'launch.yaml': ['launch', validateLaunch],
  'pipeline.yaml': ['pipeline', validatePipeline],
};

const minimal: BuildSpecInput = { region: 'ap-guangzhou', instanceId: 'ins-web00001', image: { name: 'web' } };

/** Every field of the schema, with its path. */
function fieldsOf(node: Node, at = ''): [path: string, node: Node][] {
  return Object.entries(node.properties ?? {}).flatMap(([name, field]) => [
    [`${at}${name}`, field] as [string, Node],
    ...fieldsOf(field, `${at}${name}.`),
  ]);
}
const valueAt = (value: unknown, at: string) =>
  at.split('.').reduce<unknown>((tree, key) => (tree as Record<string, unknown> | undefined)?.[key], value);

describe('the JSON schema of the spec', () => {
  const examples = path.join(root, 'docs/examples');
  const files = readdirSync(examples).filter((name) => name.endsWith('.yaml'));

  test('there are examples', () => assert.ok(files.length >= 3));
  for (const name of files) {
    test(`${name} names it in its first line, and is valid by it`, () => {
      const text = readFileSync(path.join(examples, name), 'utf8');
      const [, named] = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text) ?? [];
      assert.ok(named, text.split('\n')[0]);
      const [kind, valid] = kinds[name] ?? ['spec', validate];
      assert.equal(path.resolve(examples, named), published(kind));
      assert.ok(valid(parse(text)), JSON.stringify(valid.errors));
    });
  }

  test('describes every field, and gives the defaults that a build gets', () => {
    const fields = fieldsOf(schema);
    assert.ok(fields.length > 40, String(fields.length));
    assert.deepEqual(
      [...fields, ...fieldsOf(launchSchema), ...fieldsOf(pipelineSchema)]
        .filter(([, { description = '' }]) => description === '')
        .map(([at]) => at),
      [],
    );
    const check = checkSpec({ ...minimal, launch: { zone: 'ap-guangzhou-3' } });
    assert.ok(check.ok);
    const leaves = fields.filter(([, { properties }]) => properties === undefined);
    for (const [at, field] of leaves) {
      if (valueAt(minimal, at) !== undefined || at === 'launch.zone') continue;
      assert.deepEqual(field.default, valueAt(check.spec, at), at);
    }
    // A default that is written out is valid.
    const written = Object.fromEntries(
      Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
        field.default === undefined ? [] : [[name, field.default]],
      ),
    );
    assert.ok(validate({ ...minimal, ...written }), JSON.stringify(validate.errors));
  });

  test('refuses what the check refuses, at the same place', () => {
    const wrong: [where: string, spec: unknown][] = [
      ['/region', { ...minimal, region: 'guangzhou' }],
      ['/instanceId', { ...minimal, instanceId: 'i-1' }],
      ['', { region: 'ap-guangzhou', instanceId: 'ins-web00001' }],
      ['', { ...minimal, metod: 'instance' }],
      ['/image/name', { ...minimal, image: { name: 'x'.repeat(61) } }],
      ['/image', { ...minimal, image: { name: 'web', famly: 'web' } }],
      ['/method', { ...minimal, method: 'snapshot' }],
      ['/dataDisks', { ...minimal, dataDisks: 'all' }],
      ['/dataDisks/0', { ...minimal, dataDisks: ['sda'] }],
      ['/deadlines/build', { ...minimal, deadlines: { build: 'soon' } }],
      ['/launch', { ...minimal, launch: {} }],
      ['/launch/publicBandwidth', { ...minimal, launch: { zone: 'ap-guangzhou-3', publicBandwidth: 2001 } }],
      ['/onFailure', { ...minimal, onFailure: 'stop' }],
      ['/image/tags/team', { ...minimal, image: { name: 'web', tags: { team: 1 } } }],
    ];
    for (const [where, spec] of wrong) {
      assert.equal(checkSpec(spec).ok, false, where);
      assert.equal(validate(spec), false, where);
      assert.ok(
        validate.errors?.some(({ instancePath }) => instancePath === where),
        `${where}: ${JSON.stringify(validate.errors)}`,
      );
    }
    for (const build of [90, '90s', '45m', '2h', '7d']) assert.ok(validate({ ...minimal, deadlines: { build } }));
  });

  test('is what cvm-image schema prints', () => {
    const command = path.resolve(__dirname, '../../client/main.js');
    const printed = (...args: string[]) =>
      execFileSync(process.execPath, [command, 'schema', ...args], { encoding: 'utf8' });
    assert.equal(printed(), readFileSync(published('spec'), 'utf8'));
    assert.equal(printed('launch'), readFileSync(published('launch'), 'utf8'));
    assert.equal(printed('pipeline'), readFileSync(published('pipeline'), 'utf8'));
  });
});
