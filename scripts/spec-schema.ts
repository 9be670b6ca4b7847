/**
 * Writes docs/spec.schema.json, the build spec as a JSON schema for editors. With `--check`, only says whether it is current.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { specJsonSchemaText } from '../client/spec-schema';

const file = path.resolve(__dirname, '../../docs/spec.schema.json');
const text = specJsonSchemaText();

if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
  process.stderr.write('docs/spec.schema.json does not say what contract/spec.ts says. Run: npm run schema\n');
  process.exitCode = 1;
}
