import { checks } from './judge';
import type { Played } from './run';
import { groups } from './scenario';

/** How many scenarios of each group are as they must be, by check. */
export function summary(played: Played[], seconds: number): string {
  const lines = groups.flatMap((group) => {
    const own = played.filter(({ scenario }) => scenario.group === group);
    if (own.length === 0) return [];
    const good = own.filter(({ problems }) => problems.length === 0).length;
    const wrong = checks.map(
      (check) => [check, own.filter(({ verdict }) => verdict[check] === 'wrong').length] as const,
    );
    const told = wrong.filter(([, count]) => count > 0).map(([check, count]) => `${check} ${count}`);
    return [`${group}: ${good} of ${own.length}${told.length > 0 ? `; wrong: ${told.join(', ')}` : ''}`];
  });
  const good = played.filter(({ problems }) => problems.length === 0).length;
  const calls = played.reduce((sum, one) => sum + one.calls, 0);
  return [
    ...lines,
    `${good} of ${played.length} scenarios as they must be; ${calls} API calls; ${Math.round(seconds)} s`,
  ].join('\n');
}
