import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { createLogger } from '../../worker/logging';

function written(env: NodeJS.ProcessEnv, write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  const out = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  write(createLogger('info', env, out));
  return lines.join('');
}

test('a line is one JSON object with level, time and message', () => {
  const line = written({}, (log) => log.warn({ build: 'web00001-0123456789ab', step: 'createImage' }, 'throttled'));
  const { time, ...rest } = JSON.parse(line) as Record<string, string>;
  assert.ok(!Number.isNaN(Date.parse(time!)));
  assert.deepEqual(rest, { level: 'warn', build: 'web00001-0123456789ab', step: 'createImage', message: 'throttled' });
});

test('secrets of the environment do not get into a line, wherever they come from', () => {
  const env = { TENCENTCLOUD_SECRET_KEY: 'Gu5t9xGARNpq86cd98joQYCN3', TEMPORAL_API_KEY: 'eyJhbGciOiJIUzI1NiJ9.x' };
  const text = written(env, (log) =>
    log.error({ error: `signed with ${env.TENCENTCLOUD_SECRET_KEY}` }, `sent Bearer ${env.TEMPORAL_API_KEY}`),
  );
  for (const secret of Object.values(env)) assert.ok(!text.includes(secret));
  assert.match(text, /signed with \[hidden\]/);
});
