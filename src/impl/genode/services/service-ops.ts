import { MAX_COMMANDS } from './gui-commands.ts';

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
  /** True if blocks lie inside of a session's part of the disk. */
  isBlockRange(first: bigint, count: number, total: number): boolean;
  /** True if so many bytes of blocks have room in a packet. */
  fitsPacket(sizeBytes: number, packetBytes: number): boolean;
  mayWriteBlocks(isWriteable: boolean): boolean;
  /** Block of the disk behind a block of a session's part. */
  diskBlock(firstOfPart: number, block: number): number;
  /** True if the bytes behind the new end of a file are cleared. */
  clearsCutBytes(): boolean;
  /** True if a directory cannot be moved below itself. */
  refusesCycle(): boolean;
  /** True if a handle may change its node, by how it was opened and by what its session may. */
  mayWriteFile(isOpenForWriting: boolean, isSessionWriteable: boolean): boolean;
  /** Place at which a file of this size is appended to. */
  appendPlace(sizeBytes: number): number;
  /** True if a node changed since a watcher was told last. */
  isUnseen(version: number, told: number): boolean;
  /** True if a client of a network may send a frame whose source is its own address, or is not. */
  mayUseSource(isOwn: boolean): boolean;
  /** True if a frame of session `from` may reach a session. */
  mayReceive(session: number, from: number): boolean;
  /** True if frames for an address that nobody has go to sessions of a kind. */
  takesUnknown(kind: 'nic' | 'uplink'): boolean;
  /** True if the places of frames that were taken are freed. */
  collectsFrames(): boolean;
  /** Part of a rectangle that is on the screen. */
  clipped<Rect>(rect: Rect, screen: Rect, intersect: (a: Rect, b: Rect) => Rect | undefined): Rect | undefined;
  /** True if a blit may write its target, which lies inside of the buffer, or does not. */
  mayBlitTo(isInside: boolean): boolean;
  /** True if the screen is blank for the next client. */
  blanksScreen(): boolean;
  /** True if a Gui session may use so much of its quota. */
  guiMayUse(usedBytes: number, quotaBytes: number): boolean;
  /** True if a session may change a view, which is its own or is not. */
  guiMayChange(isOwn: boolean): boolean;
  /** True if what a view covered is painted when it moves or goes. */
  guiPaintsBehind(): boolean;
  /** True if a session gets an event that is for it, or is not. */
  guiHears(isReceiver: boolean): boolean;
  /** Commands that are executed, of so many that the client names. */
  guiCommandCount(named: number): number;
  /** True if a thread of one priority runs before one of another; 0 is the highest. */
  threadComesFirst(priority: number, other: number): boolean;
  /** True if a CPU session has what a thread costs. */
  paysThread(has: number, cost: number): boolean;
  /** True if a thread goes on after a fault, given that its access is possible now, or is not. */
  resumesAfterFault(isPossible: boolean): boolean;
  /** True if an access to ports lies inside of a session's range. */
  isPortRange(port: number, sizeBytes: number, base: number, count: number): boolean;
  /** True if a driver is told of an interrupt, given that it was told and has not acknowledged. */
  tellsDriver(isTold: boolean): boolean;
  /** True if ports or pages may be given out, given that another session has some of them. */
  mayGive(isTaken: boolean): boolean;
}

const atMost = (value: bigint, limit: number): number => (value > BigInt(limit) ? limit : Number(value));

export const serviceOps: ServiceOps = {
  reportLength: (announced, capacityBytes) => atMost(announced, capacityBytes),
  reportEndsWithReporter: () => true,
  seenVersion: version => version,
  terminalCount: (named, bufferBytes, possible) => Math.min(atMost(named, bufferBytes), possible),
  wakesReader: () => true,
  afterInputOverflow: () => [],
  isBlockRange: (first, count, total) => first <= BigInt(total) && BigInt(count) <= BigInt(total) - first,
  fitsPacket: (sizeBytes, packetBytes) => sizeBytes <= packetBytes,
  mayWriteBlocks: isWriteable => isWriteable,
  diskBlock: (firstOfPart, block) => firstOfPart + block,
  clearsCutBytes: () => true,
  refusesCycle: () => true,
  mayWriteFile: (isOpenForWriting, isSessionWriteable) => isOpenForWriting && isSessionWriteable,
  appendPlace: sizeBytes => sizeBytes,
  isUnseen: (version, told) => version !== told,
  mayUseSource: isOwn => isOwn,
  mayReceive: (session, from) => session !== from,
  takesUnknown: kind => kind === 'uplink',
  collectsFrames: () => true,
  clipped: (rect, screen, intersect) => intersect(rect, screen),
  mayBlitTo: isInside => isInside,
  blanksScreen: () => true,
  guiMayUse: (usedBytes, quotaBytes) => usedBytes <= quotaBytes,
  guiMayChange: isOwn => isOwn,
  guiPaintsBehind: () => true,
  guiHears: isReceiver => isReceiver,
  guiCommandCount: named => (named > MAX_COMMANDS ? 0 : named),
  threadComesFirst: (priority, other) => priority < other,
  paysThread: (has, cost) => has >= cost,
  resumesAfterFault: isPossible => isPossible,
  isPortRange: (port, sizeBytes, base, count) => port >= base && port + sizeBytes <= base + count,
  tellsDriver: isTold => !isTold,
  mayGive: isTaken => !isTaken,
};
