import { userInfo } from 'node:os';
import type { Client } from '@temporalio/client';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  checkPipeline,
  defaultTaskQueue,
  formatProblems,
  goldenImageWorkflowId,
  goldenImageWorkflowType,
  type Pipeline,
  pipelineHash,
  type PipelineInput,
  pipelineName,
  releaseIdOf,
  type ReleaseRequest,
  searchAttributes,
  specHashMemo,
} from '../contract';
import { ConflictError, SpecError } from './errors';
import { imageNameMemo } from './memo';
import { explainStart, type StartOptions } from './start-build';
import type { Started } from './start-launch';

/**
 * Starts a run of a pipeline: the next release of its family.
 *
 * @throws {SpecError} with every problem of the pipeline; nothing was started
 * @throws {ConflictError} when a run of the pipeline is going on; nothing was started
 */
export async function startRelease(
  client: Client,
  input: PipelineInput,
  request: ReleaseRequest = {},
  { taskQueue = process.env.CVM_IMAGE_TASK_QUEUE ?? defaultTaskQueue }: StartOptions = {},
): Promise<Started> {
  const check = checkPipeline(input);
  if (!check.ok) throw new SpecError(check.problems, formatProblems(check.problems));
  const { spec } = check;
  const workflowId = goldenImageWorkflowId(spec.region, pipelineName(spec));
  const { firstExecutionRunId: runId } = await client.workflow
    .start(goldenImageWorkflowType, {
      workflowId,
      taskQueue,
      args: [spec, { ...request, by: request.by ?? userName() }],
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
      memo: { [specHashMemo]: pipelineHash(spec), [imageNameMemo]: spec.image.name },
      typedSearchAttributes: [
        { key: searchAttributes.ImageRegion, value: spec.region },
        { key: searchAttributes.ImageFamily, value: spec.family },
      ],
      ...describePipeline(spec),
    })
    .catch((error: unknown) => {
      if (error instanceof WorkflowExecutionAlreadyStartedError) throw running(spec, workflowId);
      return explainStart(error);
    });
  return { workflowId, runId, buildId: releaseIdOf(runId), taskQueue };
}

/** Who is at the keyboard, for the manifest. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

/** Static summary and details of a pipeline's runs, for the Web UI. */
export function describePipeline(pipeline: Omit<Pipeline, 'schedule'>): {
  staticSummary: string;
  staticDetails: string;
} {
  const { region, family, source, test, approve, retire } = pipeline;
  const of = 'instanceId' in source ? source.instanceId : `the instance tagged ${source.tag.key}=${source.tag.value}`;
  return {
    staticSummary: `Next image of family ${family} (${region})`,
    staticDetails: [
      `The next release of the image family **${family}** in ${region}, of ${of.replaceAll('*', '')}.`,
      '',
      `- test: ${test ? `a throw-away instance in ${test.launch.zone}, ${test.checks.length} checks` : 'none'}`,
      `- approval: ${approve ? 'by hand' : 'not needed'}`,
      `- kept: ${retire.keep === undefined ? 'all releases' : `the newest ${retire.keep}`}`,
    ].join('\n'),
  };
}

function running(pipeline: Pipeline, workflowId: string): ConflictError {
  const message = [
    `The pipeline ${pipelineName(pipeline)} is at work already: ${workflowId}. Nothing was started.`,
    `Watch it with: cvm-image watch ${workflowId}`,
  ].join('\n');
  return new ConflictError(message, { workflowId, runId: '' });
}
