import { defineSearchAttributeKey } from '@temporalio/common';

/** Typed search attributes of every build. A worker registers the missing ones at start, or says how to. */
export const searchAttributes = {
  ImageRegion: defineSearchAttributeKey('ImageRegion', 'KEYWORD'),
  ImageFamily: defineSearchAttributeKey('ImageFamily', 'KEYWORD'),
  ImageId: defineSearchAttributeKey('ImageId', 'KEYWORD'),
  SourceInstanceId: defineSearchAttributeKey('SourceInstanceId', 'KEYWORD'),
  BuildId: defineSearchAttributeKey('BuildId', 'KEYWORD'),
  BuildPhase: defineSearchAttributeKey('BuildPhase', 'KEYWORD'),
} as const;

/** What Temporal itself says of a workflow that a schedule has started: when it was due, and the schedule. */
export const scheduledStartTime = defineSearchAttributeKey('TemporalScheduledStartTime', 'DATETIME');
export const scheduledById = defineSearchAttributeKey('TemporalScheduledById', 'KEYWORD');

/** The type of all of them, as Temporal's API numbers it (INDEXED_VALUE_TYPE_KEYWORD). */
export const keywordType = 2;

/** How somebody who may registers them: commands for a cluster of one's own and for Temporal Cloud, a line each. */
export function registerCommands(missing: string[], namespace: string): string[] {
  return [
    ...missing.map(
      (name) => `  temporal operator search-attribute create --namespace ${namespace} --name ${name} --type Keyword`,
    ),
    'or, on Temporal Cloud:',
    ...missing.map((name) => `  tcld namespace search-attributes add --namespace ${namespace} --sa "${name}=Keyword"`),
  ];
}
