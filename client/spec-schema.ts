import { z } from 'zod';
import { buildSpecSchema } from '../contract';

/**
 * The build spec as a JSON schema (draft 7, which editors know best): fields, defaults and descriptions. What goes together
 * only with something else is beyond it, and told by `cvm-image build`.
 */
export function specJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(buildSpecSchema, {
    target: 'draft-7',
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      // zod leaves out the default of what is transformed; seconds may be written as they are, too.
      if (zodSchema instanceof z.ZodDefault) jsonSchema.default ??= zodSchema.def.defaultValue as never;
    },
  });
  return {
    $schema: schema.$schema,
    title: 'Build spec of cvm-image',
    description: 'What a build is asked to do (docs/spec.md).',
    ...schema,
  };
}

/** The schema as text, as it is published in docs/spec.schema.json. */
export const specJsonSchemaText = () => `${JSON.stringify(specJsonSchema(), undefined, 2)}\n`;
