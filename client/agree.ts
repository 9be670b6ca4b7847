import { createInterface } from 'node:readline/promises';
import { print } from './output/print';

/** Asks the person at the terminal, and says whether the answer was yes. Ctrl-C and Ctrl-D are no answer, and so no agreement. */
export async function agrees(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const ended = new AbortController();
  terminal.once('close', () => ended.abort());
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: ended.signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    print('');
    return false;
  } finally {
    terminal.close();
  }
}
