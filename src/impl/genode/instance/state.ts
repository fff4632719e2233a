import type { XmlElement } from '../../../policy/xml.ts';
import type { Accounts } from '../core/accounts.ts';
import { type Capabilities, NO_CAPABILITIES } from '../core/capabilities.ts';
import type { IpcNodes } from '../core/ipc.ts';
import type { FreeRanges } from '../core/ram.ts';
import type { DataspaceFacts, RegionMap } from '../core/region-map.ts';
import type { ChildPd, Quota, Session } from '../core/sessions.ts';
import type { Signals } from '../core/signals.ts';
import type { InitConfig, StartNode } from '../init/config.ts';
import type { RpcValue } from '../proxy/values.ts';
import type { SessionInterface } from '../services/interface.ts';
import type { SessionNumber } from '../services/service.ts';
import type { HostedService, HostedSession } from '../services/service-host.ts';
import type { ComponentEvent, Handle } from './component.ts';
import type { SubjectInfo } from './subject-info.ts';

/** A dataspace of core: pages of the subject's own RAM, or a region that its subject information names. */
export interface Dataspace extends DataspaceFacts {
  readonly owner: number;
  /** Bytes that it costs its owner; 0 for a region that is not RAM. */
  readonly costBytes: number;
  readonly isAlive: boolean;
}

/** What is behind a component: a program, the services of a program that only serves, or an init. */
export type ComponentBody =
  | {
      readonly kind: 'program';
      readonly binary: string;
      readonly state: unknown;
      /** Packet streams of the sessions that it serves. */
      readonly served: ReadonlyMap<SessionNumber, HostedSession>;
    }
  | { readonly kind: 'services'; readonly binary: string; readonly services: readonly HostedService<never>[] }
  | { readonly kind: 'init'; readonly config: InitConfig };

/** A call that a component has not got the reply of. */
export interface OutgoingCall {
  readonly handle: Handle;
  readonly opcode: number;
  readonly values: readonly RpcValue[];
}

/** A component of the instance; its number is that of its PD. */
export interface Component {
  readonly name: string;
  /** Name of each init above it, and its own. */
  readonly path: readonly string[];
  /** The init that started it, -1 for core. */
  readonly init: number;
  /** Its number among the children of that init. */
  readonly child: number;
  readonly node: StartNode | undefined;
  readonly config: XmlElement | undefined;
  readonly body: ComponentBody;
  readonly isAlive: boolean;
  readonly events: readonly ComponentEvent[];
  readonly calls: readonly OutgoingCall[];
  /** The first of the calls was sent. */
  readonly isCalling: boolean;
  /** Times at which it wants to be woken. */
  readonly wakesUs: readonly number[];
  /** Thread that calls, and thread that serves. */
  readonly mainThread: number;
  readonly entrypoint: number;
  /** Sessions as a client, by handle. */
  readonly handles: readonly (SessionNumber | undefined)[];
  /** Client's side of packet streams, by handle. */
  readonly streams: ReadonlyMap<Handle, HostedSession>;
  /** Session interfaces of each of its services; a program announces them when it is ready. */
  readonly faces: readonly (readonly SessionInterface[])[];
  readonly hasSessionThreads: boolean;
  /** Vectors, by name, that it hears of. */
  readonly vectors: readonly string[];
  /** Next child to start, of an init. */
  readonly started: number;
}

export type SessionStatus = 'requested' | 'open' | 'closed';

/** A session on its way from a client through inits to its server. */
export interface OpenSession {
  readonly face: SessionInterface;
  readonly label: string;
  readonly args: Readonly<Record<string, string>>;
  readonly client: number;
  readonly handle: Handle;
  readonly server: number;
  /** Which of the server's services, for one that only serves. */
  readonly service: number;
  readonly status: SessionStatus;
  readonly donated: Quota;
  /** The sessions of the inits on the way, from the client's outwards and then inwards. */
  readonly hops: readonly { readonly init: number; readonly child: number; readonly server: number }[];
  /** Identity of the session object. */
  readonly identity: number;
  /** Thread that serves it. */
  readonly thread: number;
  /** Opcode of the call that is being served, -1 for none. */
  readonly serving: number;
  /** Capabilities of signal contexts in the server's space, by the opcode that registered them. */
  readonly signals: ReadonlyMap<number, number>;
}

/** An init's books: its children and their sessions; the accounts are the instance's. */
export interface InitBooks {
  readonly own: Pick<ChildPd, 'ram' | 'caps'>;
  readonly children: readonly ChildPd[];
  readonly sessions: readonly (Session | undefined)[];
}

export type InstancePhase = 'header' | 'resources' | 'core' | 'run' | 'failed';

/** One Genode instance. */
export interface InstanceState {
  readonly phase: InstancePhase;
  /** Why it does not run. */
  readonly failure: string;
  readonly info: SubjectInfo | undefined;
  readonly startTsc: number;
  readonly ram: Accounts;
  readonly caps: Accounts;
  readonly free: FreeRanges;
  readonly capabilities: Capabilities;
  readonly dataspaces: readonly Dataspace[];
  readonly maps: readonly RegionMap[];
  readonly signals: Signals;
  readonly nodes: IpcNodes;
  readonly components: readonly Component[];
  readonly sessions: readonly OpenSession[];
  readonly books: ReadonlyMap<number, InitBooks>;
  /** Component that ran last: the others come first. */
  readonly lastRun: number;
  /** Earliest wish, in microseconds, that the timed event is armed for; undefined while it is not. */
  readonly armedUs: number | undefined;
  /** Vector of the own timer was injected, or others that may mean that time passed. */
  readonly isTimeUnknown: boolean;
}

export const initialInstance: InstanceState = {
  phase: 'header',
  failure: '',
  info: undefined,
  startTsc: 0,
  ram: [],
  caps: [],
  free: [],
  capabilities: NO_CAPABILITIES,
  dataspaces: [],
  maps: [],
  signals: { contexts: [], receivers: [] },
  nodes: [],
  components: [],
  sessions: [],
  books: new Map(),
  lastRun: 0,
  armedUs: undefined,
  isTimeUnknown: false,
};
