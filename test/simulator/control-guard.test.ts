import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Cloud, control, sendRaw, simulatorFor } from './support';

/** Connects, sends a text and breaks the connection off. */
async function breakOff(port: number, text: string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  await new Promise<void>((resolve) => socket.write(text, () => resolve()));
  socket.resetAndDestroy();
}

describe('connections that break off', { concurrency: true }, () => {
  test('in a tunnel or in the middle of a request neither end the simulator nor are told as mistakes', async (t) => {
    const child = spawn(process.execPath, [join(__dirname, '../../simulator/main.js'), '--port', '0']);
    t.after(() => child.kill('SIGKILL'));
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(/:(\d+) \(speed/.exec(line.toString())?.[1]);
    for (let round = 0; round < 100; round++) {
      await breakOff(port, 'CONNECT cvm.tencentcloudapi.com:443 HTTP/1.1\r\nHost: x\r\n\r\n');
      await breakOff(port, 'CONNECT cvm.tencentcloudapi.com:80 HTTP/1.1\r\nHost: x\r\n\r\nPOST /');
      await breakOff(port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{');
    }
    await new Cloud(port).ask('DescribeZones');
    assert.equal(child.exitCode, null);
    assert.equal(errors, '');
  });
});

describe('the control API', { concurrency: true }, () => {
  test('refuses a clock and durations that make no sense', async (t) => {
    const { url } = await simulatorFor(t);
    const refused: readonly (readonly [path: string, body: unknown, reason: RegExp])[] = [
      ['/clock', null, /^the clock: must be an object/],
      ['/clock', { stopped: 'yes' }, /^stopped: must be true or false/],
      ['/clock', { stop: true }, /^stop: there is no such field/],
      ['/clock', { advance: -1 }, /^advance: must be a number of simulated seconds, or "next"/],
      ['/clock', { advance: 1e300 }, /^advance: must be a number/],
      ['/durations', null, /^durations are an object/],
      ['/durations', { toString: 4 }, /^unknown duration "toString"/],
      ['/durations', { stop: 1e300 }, /^duration "stop" must be at most 100000000 seconds$/],
    ];
    for (const [path, body, reason] of refused)
      await assert.rejects(control(url, 'POST', path, body), { message: reason }, JSON.stringify(body));
    assert.deepEqual(await control(url, 'GET', '/durations'), {});
  });

  test('answers programs of this machine and its own page, not the pages of others', async (t) => {
    const { port } = await simulatorFor(t);
    const stop = async (headers: Record<string, string>, path = '/_simulator/clock'): Promise<number> =>
      (await sendRaw(port, 'POST', path, Buffer.from('{"stopped":true}'), headers)).status;
    const own = `127.0.0.1:${port}`;
    const passes: readonly Record<string, string>[] = [
      { Host: own },
      { Host: own, Origin: `http://${own}` },
      { Host: `localhost:${port}`, Origin: `http://localhost:${port}` },
      { Host: `LOCALHOST:${port}` },
      { Host: '127.8.9.10' },
      { Host: `[::1]:${port}`, Origin: `http://[::1]:${port}` },
      { Host: `http://${own}` },
    ];
    for (const headers of passes) assert.equal(await stop(headers), 200, JSON.stringify(headers));
    assert.equal(await stop({ Host: own }, `http://${own}/_simulator/clock`), 200);

    const refused: readonly Record<string, string>[] = [
      { Host: 'rebound.example' },
      { Host: `rebound.example:${port}`, Origin: `http://rebound.example:${port}` },
      { Host: '127.0.0.1.rebound.example' },
      { Host: 'localhost.rebound.example' },
      { Host: '10.0.0.1' },
      { Host: own, Origin: 'https://elsewhere.example' },
      { Host: own, Origin: 'null' },
      { Host: own, Origin: `http://localhost:${port}` },
      { Host: own, Origin: 'http://127.0.0.1:1' },
      { Host: own, Origin: `https://${own}` },
    ];
    for (const headers of refused) {
      for (const [method, path] of [
        ['POST', '/reset'],
        ['GET', '/state'],
      ] as const) {
        const answer = await sendRaw(port, method, `/_simulator${path}`, Buffer.alloc(0), headers);
        assert.equal(answer.status, 403, JSON.stringify(headers));
        assert.match((JSON.parse(answer.body) as { error: string }).error, /^the control API answers /);
      }
    }
    assert.equal(await stop({ Host: own }, 'http://rebound.example/_simulator/clock'), 403);
  });

  test('is not reached through a tunnel under another name', async (t) => {
    const { port } = await simulatorFor(t);
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    socket.write('CONNECT rebound.example:80 HTTP/1.1\r\nHost: rebound.example:80\r\n\r\n');
    await once(socket, 'data');
    socket.write('GET /_simulator/state HTTP/1.1\r\nHost: rebound.example\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 403 /);
  });

  test('is the only thing that asks: calls of the cloud come under any name', async (t) => {
    const { port } = await simulatorFor(t);
    await new Cloud(port).ask('DescribeZones', {}, { host: 'cvm.tencentcloudapi.com' });
    await new Cloud(port).ask('DescribeZones', {}, { headers: { Origin: 'https://elsewhere.example' } });
  });
});
