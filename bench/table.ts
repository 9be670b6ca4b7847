import Table from 'cli-table3';

/** One measured figure with what it is to be. */
export interface Figure {
  what: string;
  value: string;
  target: string;
}

export function table(rows: Figure[]): string {
  const printed = new Table({ head: ['figure', 'measured', 'target'], style: { head: [], border: [] } });
  printed.push(...rows.map(({ what, value, target }) => [what, value, target]));
  return printed.toString();
}
