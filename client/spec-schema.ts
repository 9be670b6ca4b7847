import { z } from 'zod';
import { buildSpecSchema, launchSpecSchema, pipelineSchema } from '../contract';

const specs = {
  build: {
    schema: buildSpecSchema,
    title: 'Build spec of cvm-image',
    told: 'What a build is asked to do (docs/spec.md).',
  },
  launch: {
    schema: launchSpecSchema,
    title: 'Launch spec of cvm-image',
    told: 'What a launch from an image is asked to do (docs/images.md).',
  },
  pipeline: {
    schema: pipelineSchema,
    title: 'Pipeline of cvm-image',
    told: 'How the images of a family are made, tested, promoted and retired (docs/pipelines.md).',
  },
} as const;

/** What specs are written for. */
export type SpecKind = keyof typeof specs;
export const specKinds = Object.keys(specs) as SpecKind[];

/**
 * A spec as a JSON schema (draft 7, which editors know best): fields, defaults and descriptions. What goes together only with
 * something else is beyond it, and told by the verb that takes the spec.
 */
export function specJsonSchema(kind: SpecKind): Record<string, unknown> {
  const { schema, title, told } = specs[kind];
  const generated = z.toJSONSchema(schema(), {
    target: 'draft-7',
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      // zod leaves out the default of what is transformed; seconds may be written as they are, too.
      if (zodSchema instanceof z.ZodDefault) jsonSchema.default ??= zodSchema.def.defaultValue as never;
    },
  });
  return { $schema: generated.$schema, title, description: told, ...generated };
}

/** The schema as text, as it is published in docs/. */
export const specJsonSchemaText = (kind: SpecKind) => `${JSON.stringify(specJsonSchema(kind), undefined, 2)}\n`;

/** Where it is published, below docs/. */
export const schemaFile = (kind: SpecKind) => (kind === 'build' ? 'spec.schema.json' : `${kind}.schema.json`);
