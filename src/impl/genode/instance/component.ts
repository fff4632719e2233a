import type { XmlElement } from '../../../policy/xml.ts';
import type { Result } from '../../../units/result.ts';
import type { ChannelOps } from '../../native/muchannel.ts';
import type { GenodeOps } from '../core/genode-ops.ts';
import type { Quota } from '../core/parent.ts';
import type { RpcValue } from '../proxy/values.ts';
import type { SessionInterface } from '../services/interface.ts';
import type { DataspaceId, ServiceEnv, SessionError, SessionNumber, SessionRequest } from '../services/service.ts';
import type { Guest } from './guest.ts';
import type { SubjectInfo } from './subject-info.ts';

/** Number of a session at its client. */
export type Handle = number;

/** What happens to a component, one thing at a time. */
export type ComponentEvent =
  | { readonly kind: 'start' }
  /** A session that it asked for is open, or not. */
  | { readonly kind: 'opened'; readonly handle: Handle }
  | { readonly kind: 'denied'; readonly handle: Handle; readonly reason: string }
  /** Its call returned; without values it failed with an error of the function, or with 'session-dead'. */
  | {
      readonly kind: 'reply';
      readonly handle: Handle;
      readonly name: string;
      readonly values: readonly RpcValue[] | undefined;
      readonly error: string;
    }
  /** A signal that it registered by function `opcode`; coalesced. */
  | { readonly kind: 'signal'; readonly handle: Handle; readonly opcode: number }
  /** The other side of a packet stream did something. */
  | { readonly kind: 'packets'; readonly handle: Handle }
  /** A time that it asked for has come. */
  | { readonly kind: 'wake' }
  /** Its parent wants to know whether it still handles events; answered without the program's doing. */
  | { readonly kind: 'heartbeat' }
  /** A vector was injected into the subject. */
  | { readonly kind: 'vector'; readonly name: string }
  /** Core: a device of the subject raised an interrupt. */
  | { readonly kind: 'interrupt'; readonly vector: number }
  /** Server: somebody asks for a session; it must be accepted or denied. */
  | { readonly kind: 'session'; readonly session: SessionNumber; readonly request: SessionRequest }
  /** Server: a call; it must be replied to once, now or later. */
  | {
      readonly kind: 'rpc';
      readonly session: SessionNumber;
      readonly opcode: number;
      readonly values: readonly RpcValue[];
    }
  /** Server: the client of a session did something with its packet streams. */
  | { readonly kind: 'clientPackets'; readonly session: SessionNumber }
  /** Server: a session ended. */
  | { readonly kind: 'closed'; readonly session: SessionNumber }
  /** Server: the client of a session donated more to it. */
  | { readonly kind: 'upgraded'; readonly session: SessionNumber; readonly more: Quota };

type Streams = Pick<
  ServiceEnv,
  'takePacket' | 'acknowledge' | 'submit' | 'takeAcknowledged' | 'readPacket' | 'writePacket'
> & {
  /** Dataspace of a stream, 0 if there is none. */
  streamDataspace(session: SessionNumber, stream: 'tx' | 'rx'): DataspaceId;
};

/** What a component can do while it handles an event. */
export interface Environment
  extends Pick<ServiceEnv, 'allocate' | 'release' | 'sizeOf' | 'read' | 'write' | 'nowUs' | 'wakeAtUs'> {
  readonly name: string;
  /** Writes a line to the component's LOG session. */
  log(text: string): void;
  /** Asks its parent for a session; `opened` or `denied` follows. */
  open(service: string, label: string, args?: Readonly<Record<string, string>>): Handle;
  /** Calls a session; the component handles nothing else before `reply`. Calls of one handler follow each other. */
  call(handle: Handle, name: string, ...values: RpcValue[]): void;
  close(handle: Handle): void;
  /** Gives a capability that a call returned a number like that of a session, by which it can be called. */
  bind(cap: number): Handle;
  /** Capability of a session or object, to be handed on as an argument; 0 if it is not open. */
  capabilityOf(handle: Handle): number;
  /** Donates more to a session; false, and nothing happens, if the component has not so much or the session is not open. */
  upgrade(handle: Handle, quota: Quota): boolean;
  /** Ends the component after this handler (Parent `exit`). */
  exit(code: number): void;
  /** Stops the component for good, as an access to an address without memory does: nobody is there to resolve it. */
  fault(access: 'READ' | 'WRITE' | 'EXEC', address: number): void;
  /** Lets `wake` come next, after what waits already. */
  again(): void;
  /** Lets `packets` of a session come again. */
  morePackets(handle: Handle): void;
  /** Client's side of the packet streams of its sessions, after `tx_cap` and `rx_cap` were called. */
  readonly streams: Streams;
  /** Server: the streams of sessions that it serves. */
  readonly served: Streams;
  /** Server: offers a service, as its start node says it provides. */
  announce(face: SessionInterface): void;
  accept(session: SessionNumber): void;
  deny(session: SessionNumber, error: SessionError): void;
  reply(session: SessionNumber, values: readonly RpcValue[]): void;
  replyError(session: SessionNumber, error: string): void;
  /** Server: ends a session whose client does not know yet; its calls fail from now on. */
  end(session: SessionNumber): void;
  /** Server: makes an RPC object of a session; its number stands for it in results, and its calls come under it. */
  createObject(session: SessionNumber, of: string): SessionNumber;
  destroyObject(object: SessionNumber): void;
  /** Server: submits the signal that the client registered by function `opcode`. */
  notify(session: SessionNumber, opcode: number): void;
  /** What the subject was told about its memory, events and vectors. */
  readonly info: SubjectInfo;
  /** The subject's own guest-physical memory, for virtual hardware that the subject's information names. */
  readonly guest: Guest;
}

/** A component without services of its own kind: an event-driven program. */
export interface Program<State> {
  readonly initial: State;
  /** Vectors, by the name in the subject information, that it wants to hear of. */
  readonly vectors: readonly string[];
  /** Serves each session by a thread of its own, so that a reply may come later without delaying others. */
  readonly hasSessionThreads: boolean;
  handle(state: State, event: ComponentEvent, env: Environment): State;
}

/** Decisions that programs make use of; a seeded fault replaces some of them. */
export interface ProgramOps {
  readonly genode: GenodeOps;
  readonly channel: ChannelOps;
}

/** A program that init starts by the name of its binary. */
export interface ProgramRow {
  readonly binary: string;
  readonly title: string;
  /** Makes the program from the component's `<config>`; the text says what is wrong with it. */
  create(config: XmlElement | undefined, ops: ProgramOps): Result<Program<never>, string>;
}
