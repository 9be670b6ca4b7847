/**
 * Writes the JSON schemas of the specs into docs/, for editors. With `--check`, only says whether they are current.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { schemaFile, specJsonSchemaText, specKinds } from '../client/spec-schema';

for (const kind of specKinds) {
  const file = path.resolve(__dirname, '../../docs', schemaFile(kind));
  const text = specJsonSchemaText(kind);
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  else if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    process.stderr.write(`docs/${schemaFile(kind)} does not say what contract/ says. Run: npm run schema\n`);
    process.exitCode = 1;
  }
}
