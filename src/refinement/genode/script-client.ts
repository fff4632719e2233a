import type { Environment, Handle, Program, ProgramRow } from '../../impl/genode/instance/component.ts';
import { copiedBytes } from '../../impl/genode/proxy/message.ts';
import type { RpcValue } from '../../impl/genode/proxy/values.ts';
import type { SessionInterface } from '../../impl/genode/services/interface.ts';
import { ok } from '../../units/result.ts';

/** What a client does, one after the other: each waits for its answer. */
export type ClientAction =
  | { readonly kind: 'open'; readonly label: string; readonly args?: Readonly<Record<string, string>> }
  | { readonly kind: 'call'; readonly opcode: number; readonly values: readonly RpcValue[]; readonly fill: number }
  /** Packets submitted at once, one by default. */
  | { readonly kind: 'packet'; readonly bytes: Uint8Array; readonly more: readonly number[]; readonly count?: number }
  | { readonly kind: 'close' };

/** What a client sees, as text: equal texts mean that it cannot tell two systems apart. */
export interface ScriptClientState {
  readonly next: number;
  readonly handle: Handle;
  /** Label of the latest session that an action opened. */
  readonly label: string;
  readonly args: Readonly<Record<string, string>>;
  readonly dataspace: number;
  readonly seen: readonly string[];
  /** Functions whose signals came, in the order of the first of each. */
  readonly signals: readonly string[];
  readonly isOpen: boolean;
  /** Packets that did not come back. */
  readonly lent: number;
  /** A session was asked for. */
  readonly isWaiting: boolean;
  readonly given: readonly RpcValue[];
}

/** Session arguments: what a server may ask for before a client writes. */
const ARGS = {
  writeable: 'yes',
  mac_address: '02:00:00:00:00:01',
  tx_buf_size: '65536',
  rx_buf_size: '65536',
} as const;

const show = (value: RpcValue): string => (typeof value === 'object' ? `[${value.join()}]` : String(value));

/** Bytes that a client puts into its dataspace before a call that reads it. */
export const fillBytes = (count: number, fill: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, index) => (fill * 31 + index * 7) & 0xff);

/** Length and checksum of bytes that a client sees. */
export const digest = (bytes: Uint8Array): string =>
  `${bytes.length}:${bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) >>> 0, 7)}`;

class Script {
  readonly #face: SessionInterface;
  readonly #actions: readonly ClientAction[];
  readonly #env: Environment;
  /** Functions whose results depend on the time. */
  readonly #timed: readonly string[];
  readonly #reopens: boolean;
  state: ScriptClientState;

  constructor(
    face: SessionInterface,
    actions: readonly ClientAction[],
    timed: readonly string[],
    reopens: boolean,
    env: Environment,
    state: ScriptClientState,
  ) {
    this.#reopens = reopens;
    this.#face = face;
    this.#actions = actions;
    this.#timed = timed;
    this.#env = env;
    this.state = state;
  }

  #change(changes: Partial<ScriptClientState>): void {
    this.state = { ...this.state, ...changes };
  }

  see(text: string): void {
    this.#change({ seen: [...this.state.seen, text] });
  }

  /** Does actions until one has to wait for its answer. */
  proceed(): void {
    for (;;) {
      const action = this.#actions[this.state.next];
      if (action === undefined) return;
      this.#change({ next: this.state.next + 1 });
      if (this.#perform(action)) return;
    }
  }

  /** A session is open; one that may be opened again gets its packet stream each time. */
  begin(): void {
    const hasStream = this.#face.functions.some(({ name }) => name === 'tx_cap');
    if (this.#reopens && hasStream) this.#env.call(this.state.handle, 'tx_cap');
    else this.proceed();
  }

  /** True if an answer must come first. */
  #perform(action: ClientAction): boolean {
    const { handle, isOpen } = this.state;
    if (action.kind === 'open' || (action.kind === 'call' && !isOpen && this.#reopens)) {
      if (isOpen) return false;
      if (handle >= 0) this.#env.close(handle);
      const args = action.kind === 'open' ? { ...ARGS, ...action.args } : this.state.args;
      // What was to be done at the session that is gone is not done again.
      this.#change({
        handle: this.#env.open(this.#face.service, action.kind === 'open' ? action.label : this.state.label, args),
        dataspace: 0,
        isWaiting: true,
        ...(action.kind === 'open' ? { label: action.label, args } : {}),
      });
      return true;
    }
    if (!isOpen) return false;
    switch (action.kind) {
      case 'call': {
        const called = this.#face.functions[action.opcode]!;
        const bytes = copiedBytes(called, 'in', action.values, [], this.#env.sizeOf(this.state.dataspace));
        if (bytes > 0) this.#env.write(this.state.dataspace, 0, fillBytes(bytes, action.fill));
        this.#change({ given: action.values });
        this.#env.call(handle, called.name, ...action.values);
        return true;
      }
      case 'packet': {
        if (this.#env.streams.streamDataspace(handle, 'tx') === 0) return false;
        for (let sent = 0; sent < (action.count ?? 1); sent++) {
          const packet = this.#env.streams.submit(handle, 'tx', action.bytes, action.more);
          if (packet !== undefined) this.#change({ lent: this.state.lent + 1 });
        }
        return this.state.lent > 0;
      }
      case 'close':
        this.#env.close(handle);
        this.#change({ isOpen: false });
        return false;
    }
  }

  reply(name: string, values: readonly RpcValue[] | undefined, error: string): void {
    const called = this.#face.functions.find(row => row.name === name);
    if (values === undefined || called === undefined) {
      this.see(`${name} ! ${error}`);
      // The session is gone with its server: the next action opens another one.
      if (error === 'session-dead') this.#change({ isOpen: false });
      return;
    }
    const shown = values.map((value, index) => {
      const { kind } = called.results[index]!.type;
      if (kind === 'dataspace') {
        this.#change({ dataspace: Number(value) });
        return `${this.#env.sizeOf(Number(value))} bytes`;
      }
      if (kind === 'capability') return `${this.#env.sizeOf(Number(value))} bytes`;
      return this.#timed.includes(name) ? 'time' : show(value);
    });
    const { dataspace, given } = this.state;
    const bytes = copiedBytes(called, 'out', given, values, this.#env.sizeOf(dataspace));
    const data = bytes === 0 || this.#timed.includes(name) ? '' : ` ${digest(this.#env.read(dataspace, 0, bytes))}`;
    this.see(`${name} = ${shown.join()}${data}`);
  }

  signal(opcode: number): void {
    const name = this.#face.functions[opcode]?.name ?? '';
    const { signals } = this.state;
    if (!signals.includes(name)) this.#change({ signals: [...signals, name] });
  }

  /** Takes packets that came back; true when it was the last. */
  packets(): boolean {
    const { streams } = this.#env;
    while (this.state.lent > 0) {
      const back = streams.takeAcknowledged(this.state.handle, 'tx');
      if (back === undefined) return false;
      this.see(`packet ${back.more.join()} ${digest(streams.readPacket(this.state.handle, 'tx', back))}`);
      this.#change({ lent: this.state.lent - 1 });
      if (this.state.lent === 0) return true;
    }
    return false;
  }
}

/**
 * A client of one service that follows a script and remembers what it sees.
 * @param reopens opens a session again in place of the first call after it died
 */
export function scriptClient(
  face: SessionInterface,
  actions: readonly ClientAction[],
  timed: readonly string[],
  reopens = false,
): ProgramRow {
  const program: Program<ScriptClientState> = {
    initial: {
      next: 0,
      handle: -1,
      label: '',
      args: ARGS,
      dataspace: 0,
      seen: [],
      signals: [],
      isOpen: false,
      lent: 0,
      isWaiting: false,
      given: [],
    },
    vectors: [],
    hasSessionThreads: false,
    handle(state, event, env) {
      const script = new Script(face, actions, timed, reopens, env, state);
      const isOwn = 'handle' in event && event.handle === state.handle;
      if (event.kind === 'start') script.proceed();
      else if (event.kind === 'opened' && isOwn) {
        script.state = { ...script.state, isOpen: true, isWaiting: false };
        script.see('opened');
        script.begin();
      } else if (event.kind === 'denied' && isOwn) {
        script.see('denied');
        script.state = { ...script.state, isWaiting: false };
        script.proceed();
      } else if (event.kind === 'reply' && isOwn) {
        script.reply(event.name, event.values, event.error);
        script.proceed();
      } else if (event.kind === 'signal' && isOwn) script.signal(event.opcode);
      else if (event.kind === 'packets' && isOwn && script.packets()) script.proceed();
      return script.state;
    },
  };
  return { binary: 'script_client', title: 'Follows a script', create: () => ok(program as unknown as Program<never>) };
}
