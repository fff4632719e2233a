import { array, bits, int, record, type StateOfSchema, schemaOf } from './schema.ts';

/** Size of a cyclic scheduler: what grows is the number of its states, not of its rules. */
export interface CyclicSchedulerConfig {
  readonly minorFrames: number;
  readonly ticksPerFrame: number;
  /** Event bits, 0 .. 32; minor frame m handles bit m mod this number. */
  readonly eventBits: number;
  /** Elements that each of the two channels between the CPUs holds; 0 for no channels. */
  readonly channelDepth: number;
  /** Mailboxes that messages go through one after the other, in a ring; 0 for none. */
  readonly mailboxes: number;
  /** Messages in the ring. */
  readonly messages: number;
}

/** What happens next on one CPU. */
export type CyclicSchedulerEvent =
  | TickEvent
  | RequestMajorEvent
  | { readonly type: 'raise' | 'take' | 'send' | 'receive'; readonly cpu: number }
  | ForwardEvent;

export interface TickEvent {
  readonly type: 'tick';
  readonly cpu: number;
}
/** tau0, which runs on the first CPU in minor frame 1, asks for a major frame. */
export interface RequestMajorEvent {
  readonly type: 'requestMajor';
  readonly cpu: number;
  readonly major: number;
}
/** The subject of a mailbox hands a message to the next one. */
export interface ForwardEvent {
  readonly type: 'forward';
  readonly cpu: number;
  readonly box: number;
}

/** Largest fill level of a mailbox. */
export const MAILBOX_DEPTH = 7;

/** Two CPUs go through minor frames tick by tick and meet at the end of the major frame. */
export function cyclicSchedulerSchema(config: CyclicSchedulerConfig) {
  return schemaOf({
    major: int(0, 1),
    nextMajor: int(0, 1),
    cpus: array(2, record({ minor: int(0, config.minorFrames - 1), tick: int(0, config.ticksPerFrame - 1) })),
    pending: bits(Math.max(1, config.eventBits)),
    channels: array(2, int(0, config.channelDepth)),
    boxes: array(config.mailboxes, int(0, MAILBOX_DEPTH)),
  });
}

export type CyclicSchedulerState = StateOfSchema<ReturnType<typeof cyclicSchedulerSchema>>;
