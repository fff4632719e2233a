import { ok } from '../../../units/result.ts';
import type { ComponentEvent, Environment, Program, ProgramOps, ProgramRow } from '../instance/component.ts';
import { kindOf, type ProxyMessage } from '../proxy/message.ts';
import type { VhwEvent } from '../proxy/vhw.ts';
import { withEntry } from '../services/service.ts';
import { enqueue, type LinkState, openLink, type ProxyConfig, readProxyConfig, turnLink } from './proxy-link.ts';

/** What both proxy programs keep: their link, and their sessions by the number that core knows them by. */
export interface ProxyProgramState<Session> {
  readonly link: LinkState;
  readonly sessions: ReadonlyMap<number, Session>;
}

const isSignal = (message: ProxyMessage): boolean => kindOf(message) === 'signal';

/** One use of a proxy program's state by a handler: what both sides do alike. */
export abstract class ProxyTurn<Session, State extends ProxyProgramState<Session>> {
  protected readonly config: ProxyConfig;
  protected readonly ops: ProgramOps;
  protected readonly env: Environment;
  state: State;

  constructor(config: ProxyConfig, ops: ProgramOps, env: Environment, state: State) {
    this.config = config;
    this.ops = ops;
    this.env = env;
    this.state = state;
  }

  /** The link is open, with this epoch. */
  protected abstract begin(epoch: number): void;
  protected abstract receive(event: VhwEvent): void;

  protected change(changes: Partial<State>): void {
    this.state = { ...this.state, ...changes };
  }

  protected setSession(number: number, changes: Partial<Session> | undefined): void {
    const known = this.state.sessions.get(number);
    const next = changes === undefined || known === undefined ? undefined : { ...known, ...changes };
    this.state = { ...this.state, sessions: withEntry(this.state.sessions, number, next) };
  }

  protected addSession(number: number, session: Session): void {
    this.state = { ...this.state, sessions: new Map(this.state.sessions).set(number, session) };
  }

  /** Puts messages behind those that wait for the link. */
  protected send(messages: readonly ProxyMessage[]): void {
    this.state = { ...this.state, link: enqueue(this.state.link, messages, isSignal) };
    if (messages.length > 0) this.env.again();
  }

  start(): void {
    const opened = openLink(this.ops, this.env, this.config.link);
    if (opened === undefined) {
      this.env.log(`the policy gives this subject no link "${this.config.link}"`);
      return;
    }
    this.state = { ...this.state, link: opened.state };
    this.begin(opened.epoch);
    this.env.again();
  }

  /** Sends what waits and takes one event of the peer; goes on as long as there is one. */
  turn(): void {
    const { state, event } = turnLink(this.ops, this.env, this.state.link);
    this.state = { ...this.state, link: state };
    if (event.kind === 'none') return;
    this.receive(event);
    this.env.again();
  }
}

/** What tells one proxy program from the other. */
export interface ProxyProgram<State> extends Pick<ProgramRow, 'binary' | 'title'> {
  readonly initial: State;
  readonly hasSessionThreads: boolean;
  handle(config: ProxyConfig, ops: ProgramOps, env: Environment, state: State, event: ComponentEvent): State;
}

/** A proxy as a program that init starts; its link tells it of the peer by a vector. */
export function proxyProgram<State>({ binary, title, handle, ...parts }: ProxyProgram<State>): ProgramRow {
  return {
    binary,
    title,
    create(given, ops) {
      const config = readProxyConfig(given);
      if (!config.ok) return config;
      const program: Program<State> = {
        ...parts,
        vectors: [`${config.value.link}_in`],
        handle: (state, event, env) => handle(config.value, ops, env, state, event),
      };
      return ok(program as unknown as Program<never>);
    },
  };
}
