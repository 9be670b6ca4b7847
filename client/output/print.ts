/** Writes lines to standard output: what the user asked for. */
export function print(...lines: string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}

/** Writes lines to standard error: errors and hints, never mixed into what a script reads. */
export function printError(...lines: string[]): void {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''));
}

/** Writes one value as one line of JSON. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}
