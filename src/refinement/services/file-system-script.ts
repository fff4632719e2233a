import { fileSystemService } from '../../impl/genode/services/file-system.ts';
import {
  DIRECTORY_ENTRY_BYTES,
  decodeDirectoryEntry,
  decodeFileRequest,
  encodeFileRequest,
  type FileOperation,
  NODE_TYPES,
  SEEK_TAIL,
} from '../../impl/genode/services/file-system-packet.ts';
import type { FileSystemState } from '../../impl/genode/services/file-system-session.ts';
import { MAX_FILE_BYTES } from '../../impl/genode/services/file-tree.ts';
import type { ServiceOps } from '../../impl/genode/services/service-ops.ts';
import type { ScriptStep } from '../../trace/trace.ts';
import { operand, ScriptLog, type ScriptRunner } from '../script.ts';
import { configElement, made } from './config-element.ts';
import {
  performSpec,
  resized,
  type SpecCall,
  type SpecHandle,
  type SpecNode,
  type SpecSession,
  specNode,
  specSize,
} from './file-system-spec.ts';
import { ServiceBench } from './service-bench.ts';

const CONFIG = `<config><content><dir name="home"/></content>
  <policy label="reader" root="/home" writeable="no"/><default-policy root="/" writeable="yes"/></config>`;
const NAMES = ['a', 'b', 'c', 'home', '..', 'a/b', ''] as const;
const PATHS = ['/', '/a', '/b', '/home', '/home/a', '/a/b', '/home//b/', '/../home', 'a'] as const;
const POSITIONS: readonly bigint[] = [
  0n,
  1n,
  100n,
  4090n,
  4096n,
  6000n,
  SEEK_TAIL,
  144n,
  288n,
  2n ** 24n + 1n,
  2n ** 63n,
];
const LENGTHS: readonly number[] = [0, 1, 50, 144, 300, 4096, 5000];
const SIZES: readonly bigint[] = [0n, 10n, 4096n, 5000n, BigInt(MAX_FILE_BYTES) + 1n, 2n ** 64n - 1n];
/** Memory for contents, besides the streams: little, so that it runs out. */
const CONTENT_BYTES = 0x3000;
const STREAM_BYTES = 0x1_0000;
const SESSIONS = 2;

export const FILE_SYSTEM_WITNESSES = [
  'written',
  'read',
  'listed',
  'moved',
  'gone',
  'refused',
  'no-space',
  'told',
  'read-only',
] as const;

class FileSystemRun {
  readonly bench: ServiceBench<FileSystemState>;
  readonly log = new ScriptLog(FILE_SYSTEM_WITNESSES);
  readonly sessions: SpecSession[];
  readonly #inodes = new Map<number, SpecNode>();
  #filled = 0;

  constructor(ops: ServiceOps) {
    this.bench = new ServiceBench(made(fileSystemService(configElement(CONFIG), ops)));
    this.bench.limitBytes = CONTENT_BYTES + SESSIONS * STREAM_BYTES;
    this.bench.open(0, 'writer', { writeable: 'yes' });
    this.bench.open(1, 'reader', { writeable: 'yes' });
    const root = specNode('directory');
    const home = specNode('directory');
    root.entries.set('home', home);
    this.sessions = [
      { root, isWriteable: true, handles: new Map() },
      { root: home, isWriteable: false, handles: new Map() },
    ];
    // A handle of the root and one of a file, so that most scripts get somewhere.
    for (const session of this.sessions.keys()) this.#perform(session, { name: 'dir', values: ['/', 0] });
    this.#perform(0, { name: 'file', values: [1, 'a', 3, 1] });
  }

  /** A handle that is open, or any number. */
  #handle(step: ScriptStep, place: number, session: number): number {
    const handles = [...this.sessions[session]!.handles.keys()];
    const index = operand(step, place, handles.length + 1);
    return handles[index] ?? operand(step, place, 50);
  }

  #directory(step: ScriptStep, place: number, session: number): number {
    const handles = [...this.sessions[session]!.handles].filter(([, { kind }]) => kind === 'dir');
    return handles[operand(step, place, handles.length)]?.[0] ?? this.#handle(step, place, session);
  }

  /** A handle that has contents, mostly. */
  #content(step: ScriptStep, session: number): number {
    const handles = [...this.sessions[session]!.handles].filter(
      ([, { kind }]) => kind === 'file' || kind === 'symlink',
    );
    const isOther = operand(step, 4, 5) === 1 || handles.length === 0;
    return isOther ? this.#handle(step, 1, session) : handles[operand(step, 1, handles.length)]![0];
  }

  /** Arguments that move a directory into itself, where two open directories allow it. */
  #nesting(step: ScriptStep, session: number): (number | string)[] {
    const open = [...this.sessions[session]!.handles].filter(([, { kind }]) => kind === 'dir');
    const nestings = open.flatMap(([above, { node }]) =>
      open.flatMap(([below, inner]) =>
        [...node.entries].filter(([, child]) => child === inner.node).map(([name]) => [above, name, below]),
      ),
    );
    const chosen = nestings[operand(step, 1, nestings.length)] ?? [this.#directory(step, 1, session), 'a', 0];
    return [...chosen, NAMES[operand(step, 2, NAMES.length)]!];
  }

  callOf(step: ScriptStep, session: number): SpecCall {
    const name = NAMES[operand(step, 2, NAMES.length)]!;
    const path = PATHS[operand(step, 2, PATHS.length)]!;
    const isNew = operand(step, 4, 2);
    const directory = (place: number) => this.#directory(step, place, session);
    switch (step.operation) {
      case 'file':
        return { name: 'file', values: [directory(1), name, operand(step, 3, 4), isNew] };
      case 'symlink':
        return { name: 'symlink', values: [directory(1), name, isNew] };
      case 'dir':
        return { name: 'dir', values: [path, isNew] };
      case 'node':
      case 'watch':
        return { name: step.operation, values: [path] };
      case 'unlink':
        return { name: 'unlink', values: [directory(1), name] };
      case 'truncate':
        return { name: 'truncate', values: [this.#content(step, session), SIZES[operand(step, 3, SIZES.length)]!] };
      case 'move':
        return { name: 'move', values: [directory(1), name, directory(3), NAMES[operand(step, 4, NAMES.length)]!] };
      case 'nest':
        return { name: 'move', values: this.#nesting(step, session) };
      case 'list':
        return { name: 'num_entries', values: [directory(1)] };
      case 'close':
        return { name: 'close', values: [this.#handle(step, 1, session)] };
      default:
        return { name: 'status', values: [this.#handle(step, 1, session)] };
    }
  }

  call(step: ScriptStep, session: number): string {
    return this.#perform(session, this.callOf(step, session));
  }

  #perform(session: number, call: SpecCall): string {
    const spec = this.sessions[session]!;
    const handle = spec.handles.get(Number(call.values[0]));
    const found = this.bench.call(session, call.name, ...call.values);
    const expected = performSpec(spec, call, MAX_FILE_BYTES);
    const shown = `${call.name}(${call.values.join(', ')})`;
    if ('error' in expected) {
      this.log.see('refused');
      this.log.see('read-only', expected.error === 'Permission_denied' && !spec.isWriteable);
      return found === expected.error
        ? ''
        : `${shown} is not refused as ${expected.error}, but yields ${String(found)}`;
    }
    if (typeof found === 'string') return `${shown} fails as ${found}`;
    this.log.see('moved', call.name === 'move');
    this.log.see('gone', call.name === 'unlink');
    if (expected.opens !== undefined) return this.#keepHandle(spec, Number(found[0]), expected.opens);
    if (call.name === 'status') return this.#compareStatus(spec, handle!, found as (number | bigint)[]);
    if (call.name === 'num_entries' && Number(found[0]) !== handle!.node.entries.size)
      return `a directory of ${handle!.node.entries.size} entries says that it has ${found[0]}`;
    return '';
  }

  #keepHandle({ handles }: SpecSession, handle: number, opened: SpecHandle): string {
    if (handles.has(handle)) return `handle ${handle} is given out twice`;
    handles.set(handle, opened);
    return '';
  }

  #compareStatus(spec: SpecSession, { node }: SpecHandle, found: readonly (number | bigint)[]): string {
    const [size, type, rights, inode] = found.map(Number);
    if (size !== specSize(node)) return `a node of ${specSize(node)} bytes says that it has ${size}`;
    if (NODE_TYPES[type!] !== node.type) return `a ${node.type} says that it is a ${NODE_TYPES[type!]}`;
    if (((rights! & 2) !== 0) !== spec.isWriteable) return 'the rights of a node are not those of the session';
    const known = this.#inodes.get(inode!);
    this.#inodes.set(inode!, node);
    return known === undefined || known === node ? '' : `inode ${inode} is that of two nodes`;
  }

  /** Reads or writes by a packet, beside the bytes of the specification. */
  transfer(step: ScriptStep, session: number): string {
    const operation = step.operation as FileOperation;
    const handle = this.#content(step, session);
    const position = POSITIONS[operand(step, 2, POSITIONS.length)]!;
    const lengthBytes = LENGTHS[operand(step, 3, LENGTHS.length)]!;
    const isCut = operand(step, 4, 8) === 0;
    const bytes = new Uint8Array(isCut ? Math.floor(lengthBytes / 2) : lengthBytes).map(() => ++this.#filled & 0xff);
    const request = { handle, operation, position, lengthBytes, isDone: false };
    const answer = this.#exchange(session, encodeFileRequest(request), bytes, handle);
    if (answer === undefined) return '';
    const spec = this.sessions[session]!;
    const found = spec.handles.get(handle);
    const isHeld = found !== undefined && !found.node.isGone && bytes.length === lengthBytes;
    if (operation === 'read') return this.#compareRead(isHeld ? found : undefined, position, lengthBytes, answer);
    return this.#compareWrite(spec, isHeld ? found : undefined, position, bytes, answer);
  }

  /** Cuts a file, lets it grow again and reads it from its start: what was cut off must not be there. */
  regrow(step: ScriptStep, session: number): string {
    const handle = this.#content(step, session);
    const sizes = [SIZES[operand(step, 2, 2)]!, SIZES[1 + operand(step, 3, 3)]!];
    for (const size of sizes) {
      const failure = this.#perform(session, { name: 'truncate', values: [handle, size] }) || this.checkWatchers();
      if (failure !== '') return failure;
    }
    const [who = 0, which = 0, , , other = 0] = step.operands;
    const whole = [who, which, POSITIONS.indexOf(0n), LENGTHS.indexOf(5000), other];
    return this.transfer({ operation: 'read', operands: whole }, session);
  }

  #exchange(session: number, more: readonly number[], bytes: Uint8Array, handle: number) {
    const use = this.bench.client(session);
    if (!use.submit(session, 'tx', bytes, more)) return undefined;
    this.bench.packets(session);
    const answers = this.#takeAnswers(session);
    const own = answers.find(({ operation }) => operation !== 'content-changed');
    if (own === undefined) this.log.fail(0, `the request for handle ${handle} is not answered`);
    return own;
  }

  /** Everything that came back; watchers that were told are noted. */
  #takeAnswers(session: number) {
    const use = this.bench.client(session);
    const answers = [];
    for (
      let packet = use.takeAcknowledged(session, 'tx');
      packet !== undefined;
      packet = use.takeAcknowledged(session, 'tx')
    ) {
      const request = decodeFileRequest(packet.more);
      answers.push({ ...request, bytes: use.readPacket(session, 'tx', packet) });
      if (request.operation === 'content-changed' && request.isDone) this.#told.push([session, request.handle]);
    }
    return answers;
  }

  readonly #told: [session: number, handle: number][] = [];

  #compareRead(
    handle: SpecHandle | undefined,
    position: bigint,
    lengthBytes: number,
    answer: { isDone: boolean; lengthBytes: number; bytes: Uint8Array },
  ): string {
    const mayRead = handle?.isReading === true;
    if (answer.isDone !== mayRead) return `a read ${answer.isDone ? 'succeeds' : 'fails'} wrongly`;
    if (handle === undefined || !mayRead) return '';
    const { node } = handle;
    if (node.type === 'directory') return this.#compareListing(node, position, lengthBytes, answer);
    const at = position === SEEK_TAIL ? Math.max(0, node.bytes.length - lengthBytes) : Number(position);
    const expected = node.bytes.subarray(at, at + lengthBytes);
    if (answer.lengthBytes !== expected.length)
      return `${answer.lengthBytes} bytes are read, ${expected.length} are there`;
    this.log.see('read', expected.length > 0);
    return expected.every((byte, index) => answer.bytes[index] === byte)
      ? ''
      : 'other bytes are read than were written last';
  }

  #compareListing(
    node: SpecNode,
    position: bigint,
    lengthBytes: number,
    answer: { lengthBytes: number; bytes: Uint8Array },
  ): string {
    const isAligned = position % BigInt(DIRECTORY_ENTRY_BYTES) === 0n;
    const first = Number(position / BigInt(DIRECTORY_ENTRY_BYTES));
    const count = Math.floor(lengthBytes / DIRECTORY_ENTRY_BYTES);
    const expected = isAligned ? [...node.entries].slice(first, first + count) : [];
    if (answer.lengthBytes !== expected.length * DIRECTORY_ENTRY_BYTES)
      return 'a directory lists another number of entries';
    for (const [index, [name, { type }]] of expected.entries()) {
      const entry = decodeDirectoryEntry(answer.bytes.subarray(index * DIRECTORY_ENTRY_BYTES));
      if (entry?.name !== name || entry.type !== type) return `a directory does not list "${name}"`;
      this.log.see('listed');
    }
    return '';
  }

  #compareWrite(
    spec: SpecSession,
    handle: SpecHandle | undefined,
    position: bigint,
    bytes: Uint8Array,
    answer: { isDone: boolean; lengthBytes: number },
  ): string {
    const isAllowed = handle?.isWriting === true && spec.isWriteable && handle.node.type !== 'directory';
    const isFar = position !== SEEK_TAIL && position > BigInt(MAX_FILE_BYTES) && handle?.node.type === 'file';
    if (!isAllowed || isFar || handle === undefined) return answer.isDone ? 'a write succeeds wrongly' : '';
    const { node } = handle;
    if (node.type === 'symlink') {
      const end = bytes.subarray(0, 1023).indexOf(0);
      node.bytes = bytes.slice(0, end < 0 ? 1023 : end);
      node.version += 1;
      return answer.isDone && answer.lengthBytes === Math.min(1023, bytes.length)
        ? ''
        : 'the target of a link is not written';
    }
    if (answer.lengthBytes < bytes.length) {
      this.log.see('no-space');
      if (this.#freeBytes() >= 0x1000)
        return `only ${answer.lengthBytes} of ${bytes.length} bytes are written, though there is room`;
    }
    if (answer.isDone !== (answer.lengthBytes > 0 || bytes.length === 0))
      return 'a write says neither that it failed nor what it did';
    if (answer.lengthBytes === 0) return '';
    const at = position === SEEK_TAIL ? node.bytes.length : Number(position);
    node.bytes = resized(node.bytes, Math.max(node.bytes.length, at + answer.lengthBytes));
    node.bytes.set(bytes.subarray(0, answer.lengthBytes), at);
    node.version += 1;
    this.log.see('written');
    return '';
  }

  #freeBytes(): number {
    return this.bench.limitBytes - [...this.bench.memory.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** A watcher hands in the packet that it wants back when its node changes. */
  wait(step: ScriptStep, session: number): string {
    const watching = [...this.sessions[session]!.handles].filter(
      ([, { kind, node }]) => kind === 'watch' && !node.isGone,
    );
    const found = watching[operand(step, 1, watching.length)];
    if (found === undefined) return '';
    const more = encodeFileRequest({
      handle: found[0],
      operation: 'content-changed',
      position: 0n,
      lengthBytes: 0,
      isDone: false,
    });
    if (!this.bench.client(session).submit(session, 'tx', new Uint8Array(0), more)) return '';
    found[1].waiting += 1;
    this.bench.packets(session);
    return '';
  }

  /** Watchers whose node changed, and only those, have their packets back. */
  checkWatchers(): string {
    for (const [session, { handles }] of this.sessions.entries()) {
      this.#takeAnswers(session);
      for (const [handle, watched] of handles) {
        const version = watched.node.isGone ? -1 : watched.node.version;
        const expected = watched.waiting > 0 && version !== watched.told ? watched.waiting : 0;
        const told = this.#told.filter(([owner, number]) => owner === session && number === handle).length;
        if (told !== expected) return `a watcher is told ${told} times of a change, ${expected} times were asked for`;
        this.log.see('told', told > 0);
        if (expected > 0) {
          watched.told = version;
          watched.waiting = 0;
        }
      }
    }
    this.#told.length = 0;
    return '';
  }
}

/** Runs ram_fs with a session that writes and one that reads a part, beside objects that refer to each other. */
export const runFileSystemScript: ScriptRunner<ServiceOps> = (ops, steps) => {
  const run = new FileSystemRun(ops);
  const { log, bench } = run;
  for (const [index, step] of steps.entries()) {
    const session = operand(step, 0, 4) === 0 ? 1 : 0;
    log.effective();
    if (step.operation === 'read' || step.operation === 'write') log.fail(index, run.transfer(step, session));
    else if (step.operation === 'regrow') log.fail(index, run.regrow(step, session));
    else if (step.operation === 'wait') log.fail(index, run.wait(step, session));
    else log.fail(index, run.call(step, session));
    log.fail(index, run.checkWatchers());
    log.fail(index, bench.outside);
    if (log.hasFailed) break;
  }
  return log.judgement();
};
