/** One minor frame of a CPU, as a picture needs it. */
export interface PicturedFrame {
  readonly partition: string;
  readonly ticks: number;
  /** Barrier that the CPU waits at when the frame ends; 0 is none. */
  readonly barrier: number;
  /** 1-based policy line. */
  readonly line: number;
}

/** One major frame: a list of minor frames per CPU, all of equal length in ticks. */
export interface PicturedMajorFrame {
  readonly cpus: readonly { readonly id: number; readonly frames: readonly PicturedFrame[] }[];
}

export interface PicturedPartition {
  readonly name: string;
  readonly cpu: number;
  /** Subjects by scheduling group, in policy order. */
  readonly groups: readonly (readonly string[])[];
}

/** All that passes from one party to another. */
export interface PicturedFlow {
  readonly from: string;
  readonly to: string;
  /** Data weighs more than an event, an event more than time. */
  readonly kind: 'data' | 'event' | 'timing';
  /** One line per mechanism: what, through which region or event, granted by which policy lines. */
  readonly mechanisms: readonly string[];
}

/** The system under check as pictures show it: plain data, derived from the policy by whoever has read it. */
export interface SystemPicture {
  readonly tickRateHz: number;
  readonly majorFrames: readonly PicturedMajorFrame[];
  readonly partitions: readonly PicturedPartition[];
  readonly subjects: readonly string[];
  /** Parties of flows that are no subjects: devices, device domains, the kernel. */
  readonly others: readonly string[];
  readonly flows: readonly PicturedFlow[];
}
