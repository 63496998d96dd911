/**
 * How much memory a packet capture's conversations may take before they come to events.
 *
 * In: bytes, a part of what --memory-limit leaves for what is kept. Out: the parts of those who keep
 * something, each with a bound of its own, so that no kind of traffic takes the room of another.
 */

export interface PcapRoom {
  /** Who talks to whom. */
  readonly conversationBytes: number;
  /** Segments behind gaps. */
  readonly segmentBytes: number;
  /** Fragments of datagrams. */
  readonly fragmentBytes: number;
  /** Packets that wait to be sorted by time. */
  readonly queueBytes: number;
}

/** Of the default --memory-limit. */
export const USUAL_ROOM_BYTES = 64 << 20;
/** More of these is no real traffic. */
const MOST_SEGMENT_BYTES = 32 << 20;
const MOST_FRAGMENT_BYTES = 16 << 20;
const MOST_QUEUE_BYTES = 4 << 20;

export function shareOut(bytes: number): PcapRoom {
  return {
    conversationBytes: bytes * 3 / 8,
    segmentBytes: Math.min(MOST_SEGMENT_BYTES, bytes * 3 / 8),
    fragmentBytes: Math.min(MOST_FRAGMENT_BYTES, bytes / 8),
    queueBytes: Math.min(MOST_QUEUE_BYTES, bytes / 8),
  };
}

/** What was given up for want of room or time, and what came twice. */
export class PcapCounts {
  duplicateBytes = 0;
  gapBytes = 0;
  /** Gaps that might still have been filled. */
  earlyGaps = 0;
  /** Conversations that were not over. */
  evictedConversations = 0;
  /** Datagrams of which fragments might still have come. */
  evictedFragments = 0;
}
