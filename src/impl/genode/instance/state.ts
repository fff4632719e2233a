import type { XmlElement } from '../../../policy/xml.ts';
import type { Accounts } from '../core/accounts.ts';
import { type Capabilities, NO_CAPABILITIES } from '../core/capabilities.ts';
import type { IpcNodes } from '../core/ipc.ts';
import type { ChildPd, Quota, Session } from '../core/parent.ts';
import type { FreeRanges } from '../core/ram.ts';
import type { DataspaceFacts, RegionMap } from '../core/region-map.ts';
import type { Signals } from '../core/signals.ts';
import type { InitConfig, StartNode } from '../init/config.ts';
import type { SessionRequest } from '../init/route.ts';
import type { RpcValue } from '../proxy/values.ts';
import type { SessionInterface } from '../services/interface.ts';
import type { SessionNumber } from '../services/service.ts';
import type { HostedService } from '../services/service-host.ts';
import type { HostedSession } from '../services/stream-use.ts';
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
      readonly state: unknown;
      /** Packet streams of the sessions that it serves. */
      readonly served: ReadonlyMap<SessionNumber, HostedSession>;
    }
  | { readonly kind: 'services'; readonly services: readonly HostedService<never>[] }
  | LoadingBody
  | InitBody;

/** A component that fetches ROM modules before its program can be made. */
export interface LoadingBody {
  readonly kind: 'loading';
  /** Labels of the modules that are not there yet. */
  readonly wanted: readonly string[];
  /** Session of the first of them, -1 before it was asked for. */
  readonly handle: Handle;
}

/** What a program is made from. */
export interface ProgramSource {
  readonly binary: string;
  readonly config: XmlElement | undefined;
  /** Contents of ROM modules that the program works on, by label. */
  readonly roms: ReadonlyMap<string, string>;
}

/** An init: it reads its configuration, starts children, serves their configurations, and watches them. */
export interface InitBody {
  readonly kind: 'init';
  /** Undefined until it was read for the first time. */
  readonly config: InitConfig | undefined;
  /** Session of its own configuration, -1 before it was asked for, and the dataspace of the content. */
  readonly rom: { readonly handle: Handle; readonly dataspace: number };
  /** ROM sessions by which children read their configurations. */
  readonly services: readonly HostedService<never>[];
  /** Children to start, the next one first. */
  readonly waiting: readonly StartNode[];
  readonly stuck: readonly StuckChild[];
  /** Children that ended by themselves, by name. */
  readonly exited: ReadonlyMap<string, { readonly version: string; readonly code: number }>;
  readonly heartbeatUs: number | undefined;
  readonly report: ReportState;
}

/** A child that cannot run as long as one of the sessions that it had leads nowhere. */
export interface StuckChild {
  readonly node: StartNode;
  readonly needs: readonly SessionRequest[];
}

/** How far the report of an init's state is. */
export interface ReportState {
  readonly handle: Handle;
  readonly dataspace: number;
  /** Time at which it is due, undefined while nothing changed. */
  readonly dueUs: number | undefined;
}

/** A call that a component has not got the reply of. */
export interface OutgoingCall {
  readonly handle: Handle;
  readonly opcode: number;
  readonly values: readonly RpcValue[];
}

/** Priorities that a component and its children may have: the smallest is the highest, and the component's own. */
export interface PriorityRange {
  readonly first: number;
  readonly count: number;
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
  readonly source: ProgramSource;
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
  readonly priority: PriorityRange;
  /** RAM and caps that its init assigned to it. */
  readonly assigned: Quota;
  /** It stopped at an access that nobody resolves. */
  readonly isFaulted: boolean;
  /** It ends after the present handler. */
  readonly exitCode: number | undefined;
  /** Heartbeats that it did not answer, one after the other. */
  readonly skippedBeats: number;
  readonly isBeatPending: boolean;
}

export type SessionStatus = 'requested' | 'open' | 'closed';

/** What one init on the way of a session decided: who asks and who is asked, among its children. */
export interface SessionHop {
  readonly init: number;
  readonly child: number;
  readonly server: number;
  /** Label as it arrived at this init, without the child's name in front for a session that goes outwards. */
  readonly request: string;
  /** Where it went: a kind of target, the child's name where it is one, and the label that goes on. */
  readonly target: string;
  readonly label: string;
}

/** A session on its way from a client through inits to its server. */
export interface OpenSession {
  /** The session that an RPC object belongs to, -1 for a session. */
  readonly parent: number;
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
  readonly hops: readonly SessionHop[];
  /** Identity of the session object. */
  readonly identity: number;
  /** Thread that serves it. */
  readonly thread: number;
  /** Opcode of the call that is being served, -1 for none. */
  readonly serving: number;
  /** Capabilities of signal contexts in the server's space, by the opcode that registered them. */
  readonly signals: ReadonlyMap<number, number>;
}

/** A session that a client asked for whose server is not ready: it goes on when something changed. */
export interface EarlyOpen {
  readonly client: number;
  readonly handle: Handle;
  readonly service: string;
  readonly label: string;
  readonly args: Readonly<Record<string, string>>;
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
  /** Address spaces: of components by number, and those of region-map objects (`mapOfObject`). */
  readonly maps: ReadonlyMap<number, RegionMap>;
  readonly signals: Signals;
  readonly nodes: IpcNodes;
  readonly components: readonly Component[];
  readonly sessions: readonly OpenSession[];
  readonly books: ReadonlyMap<number, InitBooks>;
  readonly early: readonly EarlyOpen[];
  /** A component started or announced something. */
  readonly mayRetry: boolean;
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
  maps: new Map(),
  signals: { contexts: [], receivers: [] },
  nodes: [],
  components: [],
  sessions: [],
  books: new Map(),
  early: [],
  mayRetry: false,
  lastRun: 0,
  armedUs: undefined,
  isTimeUnknown: false,
};
