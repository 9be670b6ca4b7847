import { TestWorkflowEnvironment } from '@temporalio/testing';
import { searchAttributes } from '../../contract';
import { quietLogs } from './bare-worker';

/** A Temporal server whose time passes as fast as workflows wait, with our search attributes; for whoever asks to tear down. */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  quietLogs();
  const environment = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: process.env.TEMPORAL_TEST_SERVER_PATH! } },
  });
  await environment.connection.operatorService.addSearchAttributes({
    namespace: environment.namespace ?? 'default',
    // 2: INDEXED_VALUE_TYPE_KEYWORD
    searchAttributes: Object.fromEntries(Object.keys(searchAttributes).map((name) => [name, 2])),
  });
  return environment;
}
