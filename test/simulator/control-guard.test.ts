import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { Cloud, sendRaw, simulatorFor } from './support';

describe('the control API', { concurrency: true }, () => {
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
