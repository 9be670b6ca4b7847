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
