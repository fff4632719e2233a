import { array, bool, int, record, type StateOfSchema, schemaOf } from './schema.ts';

/** The one deviation of a kernel; `none` is the right one. */
export const KERNEL_FLAWS = [
  'none',
  'full-queue-reported',
  'shared-identifiers',
  'foreign-port-status',
  'idle-partitions-skipped',
  'occupancy-reported',
  'buffer-not-cleared',
] as const;
export type KernelFlaw = (typeof KERNEL_FLAWS)[number];

/** Three partitions; messages go from the first to the second only, the third one is alone. */
export interface PartitionKernelConfig {
  readonly flaw: KernelFlaw;
  /** Declared channels: what may flow from whom to whom. */
  readonly channels: readonly { readonly from: number; readonly to: number }[];
}

/** A call of the partition that runs, or the end of its time slot. */
export type PartitionKernelEvent =
  | DrawEvent
  | { readonly type: 'tick' }
  | { readonly type: 'send' | 'receive' | 'open' | 'status' | 'write' | 'read' | 'idle' };

/** Before the start: the partitions get their secrets, bit n for partition n. */
export interface DrawEvent {
  readonly type: 'draw';
  readonly secrets: number;
}

/** What each partition has, what the kernel has. */
export function partitionKernelSchema() {
  return schemaOf({
    partitions: array(
      3,
      record({
        /** The bit that it holds: unknown to others at first. */
        secret: int(0, 1),
        /** What its last call returned. */
        result: int(0, 3),
        inbox: int(0, 2),
        ports: int(0, 2),
        idle: bool(),
      }),
    ),
    /** Messages in the channel, and the newest one. */
    queued: int(0, 1),
    message: int(0, 1),
    /** Identifiers given out so far. */
    identifiers: int(0, 3),
    /** Buffer of the kernel for arguments of calls. */
    buffer: int(0, 2),
  });
}

export type PartitionKernelState = StateOfSchema<ReturnType<typeof partitionKernelSchema>>;
