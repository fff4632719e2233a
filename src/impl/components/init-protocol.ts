import { paddingBlock, SHA256_INITIAL } from '../../units/sha256.ts';
import { call, pause, readNumber, readWide, type Steps, stop, writeNumber, writeWide } from '../native/rounds.ts';

/** How a subject's memory is brought to its first state under a controller's commands (Muen's libmuinit, libmucontrol). */

/** Offsets in the control page, which the controller writes. */
export const CONTROL = { command: 0, epoch: 8, watchdog: 16 } as const;
/** Offsets in the status page, which the controlled subject writes. */
export const STATUS = { state: 0, watchdog: 8, diagnostics: 16 } as const;

const ALL_ONES = 0xffff_ffff_ffff_ffffn;
/** Commands; a page filled with ones says to run without a controller. */
export const Command = {
  nop: 0n,
  sync: 1n,
  erase: 2n,
  prepare: 3n,
  validate: 4n,
  run: 5n,
  selfControl: ALL_ONES,
} as const;
export const NO_WATCHDOG = ALL_ONES;
export const State = {
  initial: 0n,
  synced: 1n,
  erasing: 2n,
  erased: 3n,
  preparing: 4n,
  prepared: 5n,
  validating: 6n,
  validated: 7n,
  initializing: 8n,
  running: 9n,
  finished: 10n,
} as const;
export const ERROR_STATE = 1n << 63n;
const WRONG_COMMAND = 1n;
const PAGE_BYTES = 0x1000;
/** Bytes of a digest, and of the state of a hash. */
const HASH_BYTES = 32;

/** A writable region to be prepared: filled, copied from where its content is, or left as it is. */
export interface PreparedRegion {
  readonly address: number;
  readonly sizeBytes: number;
  readonly content:
    | { readonly kind: 'fill'; readonly pattern: number }
    | { readonly kind: 'copy'; readonly from: number }
    | { readonly kind: 'none' }
    /** Content that the policy names and that the loader does not see anywhere: an error. */
    | { readonly kind: 'missing' };
  /** Number of the region in the subject information, from 1: what an error is reported by. */
  readonly resource: number;
}

/** A region with what its bytes must add up to. */
export interface ValidatedRegion {
  readonly address: number;
  readonly sizeBytes: number;
  readonly resource: number;
  /** SHA-256 as 64 hexadecimal digits. */
  readonly sha256: string;
}

export interface InitConfig {
  readonly controlAddress: number;
  readonly statusAddress: number;
  readonly regions: readonly PreparedRegion[];
  readonly validated: readonly ValidatedRegion[];
  /** Own memory for the state of a hash and the block that ends a message: 96 bytes. */
  readonly scratchAddress: number;
}

/** Decisions of the loader that a seeded fault can replace. */
export interface LoaderOps {
  /** Bytes of a region that are prepared: all of them. */
  readonly preparedBytes: (region: PreparedRegion) => number;
  /** A computed hash is what the policy says. */
  readonly isEqualHash: (computed: string, stated: string) => boolean;
}

export const loaderOps: LoaderOps = {
  preparedBytes: ({ sizeBytes }) => sizeBytes,
  isEqualHash: (computed, stated) => computed === stated,
};

export function* setState({ statusAddress }: InitConfig, state: bigint): Steps<void> {
  yield* writeWide(statusAddress + STATUS.state, state);
}

function* awaitCommand({ controlAddress }: InitConfig, before: bigint): Steps<bigint> {
  for (;;) {
    const command = yield* readWide(controlAddress + CONTROL.command);
    if (command !== before || command === Command.selfControl) return command;
    yield* pause();
  }
}

/** Steps over a region by page. */
function* byPage(
  region: { readonly address: number },
  sizeBytes: number,
  each: (offset: number, count: number) => Steps<void>,
): Steps<void> {
  for (let offset = 0; offset < sizeBytes; ) {
    const count = Math.min(sizeBytes - offset, PAGE_BYTES - ((region.address + offset) % PAGE_BYTES));
    yield* each(offset, count);
    offset += count;
  }
}

function* fill(region: PreparedRegion, sizeBytes: number, pattern: number): Steps<void> {
  yield* byPage(region, sizeBytes, function* (offset, count) {
    yield { kind: 'fill', address: region.address + offset, sizeBytes: count, pattern };
  });
}

function* prepare(region: PreparedRegion, ops: LoaderOps): Steps<void> {
  const { content } = region;
  const sizeBytes = ops.preparedBytes(region);
  if (content.kind === 'fill') yield* fill(region, sizeBytes, content.pattern);
  if (content.kind !== 'copy') return;
  yield* byPage(region, sizeBytes, function* (offset, count) {
    yield { kind: 'copy', from: content.from + offset, to: region.address + offset, sizeBytes: count };
  });
}

/** SHA-256 of a region, by rounds on a state in the loader's own memory. */
function* hashOf({ address, sizeBytes }: ValidatedRegion, scratchAddress: number): Steps<string> {
  const padding = scratchAddress + HASH_BYTES;
  for (const [index, word] of SHA256_INITIAL.entries()) yield* writeNumber(scratchAddress + 4 * index, word);
  yield* byPage({ address }, sizeBytes, function* (offset, count) {
    yield { kind: 'hash', address: address + offset, sizeBytes: count, state: scratchAddress };
  });
  const view = new DataView(paddingBlock(sizeBytes).buffer);
  for (let at = 0; at < view.byteLength; at += 8) yield* writeWide(padding + at, view.getBigUint64(at, true));
  yield { kind: 'hash', address: padding, sizeBytes: view.byteLength, state: scratchAddress };
  let digest = '';
  for (let index = 0; index < SHA256_INITIAL.length; index++)
    digest += (yield* readNumber(scratchAddress + 4 * index)).toString(16).padStart(8, '0');
  return digest;
}

/** The first region whose content is not there, 0 if all are prepared. */
function* prepareAll({ regions }: InitConfig, ops: LoaderOps): Steps<number> {
  for (const region of regions) {
    if (region.content.kind === 'missing') return region.resource;
    yield* prepare(region, ops);
  }
  return 0;
}

/** The first region whose bytes have another hash, 0 if none has. */
function* validateAll({ validated, scratchAddress }: InitConfig, ops: LoaderOps): Steps<number> {
  for (const region of validated) {
    const computed = yield* hashOf(region, scratchAddress);
    if (!ops.isEqualHash(computed, region.sha256)) return region.resource;
  }
  return 0;
}

/** Follows the controller's commands up to the one to run; true if nothing was wrong. */
export function* runInitProtocol(config: InitConfig, ops: LoaderOps): Steps<boolean> {
  const { statusAddress, regions } = config;
  yield* setState(config, State.initial);
  yield* writeWide(statusAddress + STATUS.watchdog, 0n);
  yield* writeWide(statusAddress + STATUS.diagnostics, 0n);
  let command: bigint = Command.nop;
  /** Waits for one of the commands; own control stands for each. */
  const expect = function* (...wanted: readonly bigint[]): Steps<boolean> {
    command = yield* awaitCommand(config, command);
    if (command === Command.selfControl || wanted.includes(command)) return true;
    return yield* fail(WRONG_COMMAND);
  };
  const fail = function* (diagnostics: bigint): Steps<false> {
    const state = yield* readWide(statusAddress + STATUS.state);
    yield* setState(config, state | ERROR_STATE);
    yield* writeWide(statusAddress + STATUS.diagnostics, diagnostics);
    return false;
  };
  if (!(yield* expect(Command.sync))) return false;
  yield* setState(config, State.synced);
  if (!(yield* expect(Command.erase, Command.prepare))) return false;
  if (command === Command.erase) {
    yield* setState(config, State.erasing);
    for (const region of regions) yield* fill(region, region.sizeBytes, 0);
    yield* setState(config, State.erased);
    if (!(yield* expect(Command.prepare))) return false;
  }
  yield* setState(config, State.preparing);
  const missing = yield* prepareAll(config, ops);
  if (missing !== 0) return yield* fail(BigInt(missing));
  yield* setState(config, State.prepared);
  if (!(yield* expect(Command.validate))) return false;
  yield* setState(config, State.validating);
  const wrong = yield* validateAll(config, ops);
  if (wrong !== 0) return yield* fail(BigInt(wrong));
  yield* setState(config, State.validated);
  if (!(yield* expect(Command.run))) return false;
  yield* setState(config, State.initializing);
  return true;
}

/** The start of a component that a controller commands; it ends for ever if something was wrong. */
export function* startUnderControl(config: InitConfig, ops: LoaderOps): Steps<void> {
  if (!(yield* runInitProtocol(config, ops))) yield* stop();
  yield* setState(config, State.running);
}

/** One round of Muen's subject loader: prepares its subject, says so, and hands over. */
export function* loaderRound(config: InitConfig & { readonly startEvent: number }, ops: LoaderOps): Steps<null> {
  if (yield* runInitProtocol(config, ops)) yield* setState(config, State.running);
  yield* call(config.startEvent);
  return null;
}
