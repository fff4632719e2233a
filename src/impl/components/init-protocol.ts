import { call, pause, readWide, type Steps, writeWide } from '../native/rounds.ts';

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

/** A writable region to be prepared: filled, copied from where its content is, or left as it is. */
export interface PreparedRegion {
  readonly address: number;
  readonly sizeBytes: number;
  readonly content:
    | { readonly kind: 'fill'; readonly pattern: number }
    | { readonly kind: 'copy'; readonly from: number }
    | { readonly kind: 'none' };
}

export interface InitConfig {
  readonly controlAddress: number;
  readonly statusAddress: number;
  readonly regions: readonly PreparedRegion[];
}

/** Decisions of the loader that a seeded fault can replace. */
export interface LoaderOps {
  /** Bytes of a region that are prepared: all of them. */
  readonly preparedBytes: (region: PreparedRegion) => number;
}

export const loaderOps: LoaderOps = { preparedBytes: ({ sizeBytes }) => sizeBytes };

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
  region: PreparedRegion,
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

/**
 * Follows the controller's commands up to the one to run; true if nothing was wrong.
 *
 * Hashes are not computed, so contents that differ from the hashes of the policy are started all the same.
 */
export function* runInitProtocol(config: InitConfig, ops: LoaderOps): Steps<boolean> {
  const { statusAddress, regions } = config;
  yield* setState(config, State.initial);
  yield* writeWide(statusAddress + STATUS.watchdog, 0n);
  yield* writeWide(statusAddress + STATUS.diagnostics, 0n);
  let command: bigint = Command.nop;
  let isGood = true;
  /** Waits for one of the commands; own control stands for each. */
  const expect = function* (...wanted: readonly bigint[]): Steps<boolean> {
    command = yield* awaitCommand(config, command);
    isGood = command === Command.selfControl || wanted.includes(command);
    if (isGood) return true;
    const state = yield* readWide(statusAddress + STATUS.state);
    yield* setState(config, state | ERROR_STATE);
    yield* writeWide(statusAddress + STATUS.diagnostics, WRONG_COMMAND);
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
  for (const region of regions) yield* prepare(region, ops);
  yield* setState(config, State.prepared);
  if (!(yield* expect(Command.validate))) return false;
  yield* setState(config, State.validating);
  yield* setState(config, State.validated);
  if (!(yield* expect(Command.run))) return false;
  yield* setState(config, State.initializing);
  return isGood;
}

/** One round of Muen's subject loader: prepares its subject, says so, and hands over. */
export function* loaderRound(config: InitConfig & { readonly startEvent: number }, ops: LoaderOps): Steps<null> {
  if (yield* runInitProtocol(config, ops)) yield* setState(config, State.running);
  yield* call(config.startEvent);
  return null;
}
