import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { play } from './harness/run';
import { titleOf } from './harness/scenario';
import { openSite, type Site } from './harness/site';
import { scenarios } from './scenarios';

// The whole matrix is `npm run test:durability`.
describe('a slice of what builds must survive', { concurrency: 4 }, () => {
  let site: Site;
  before(async () => {
    site = await openSite();
  });
  after(() => site.stop());

  for (const scenario of scenarios.filter(({ slice }) => slice)) {
    test(titleOf(scenario), async () => {
      const { problems } = await play(site, scenario);
      assert.deepEqual(problems, []);
    });
  }
});

test('no two scenarios have the same title', () => {
  const titles = scenarios.map(titleOf);
  assert.equal(new Set(titles).size, titles.length);
});
