/** Leaf decisions of the services; a seeded fault replaces one of them. */
export interface ServiceOps {
  /** Bytes of a report that are taken, of so many that its client announces. */
  reportLength(announced: bigint, capacityBytes: number): number;
  /** True if a ROM module's content goes when the client that reported it does. */
  reportEndsWithReporter(): boolean;
  /** Version of a ROM module that a client has seen which gets the content of version `version`. */
  seenVersion(version: number): number;
  /** Bytes of a Terminal call that are moved, of so many that the client names. */
  terminalCount(named: bigint, bufferBytes: number, possible: number): number;
  /** True if bytes wake the reader of a queue that held `before` bytes. */
  wakesReader(before: number): boolean;
  /** Events that stay when one more does not fit into the queue of an Input session. */
  afterInputOverflow<Event>(queue: readonly Event[]): readonly Event[];
}

const atMost = (value: bigint, limit: number): number => (value > BigInt(limit) ? limit : Number(value));

export const serviceOps: ServiceOps = {
  reportLength: (announced, capacityBytes) => atMost(announced, capacityBytes),
  reportEndsWithReporter: () => true,
  seenVersion: version => version,
  terminalCount: (named, bufferBytes, possible) => Math.min(atMost(named, bufferBytes), possible),
  wakesReader: () => true,
  afterInputOverflow: () => [],
};
