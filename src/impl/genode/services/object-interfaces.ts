import { BOOL, bytes, DATASPACE, I32, rpc, type SessionInterface, SIGNAL, U32, U64 } from './interface.ts';

/** Errors of `attach`. */
export const ATTACH_ERRORS = ['OUT_OF_RAM', 'OUT_OF_CAPS', 'REGION_CONFLICT', 'INVALID_DATASPACE'] as const;
/** How a dataspace is attached. */
export const ATTACH_ATTRIBUTES = {
  sizeBytes: U64,
  offset: U64,
  useAt: BOOL,
  at: U64,
  executable: BOOL,
  writeable: BOOL,
};
/** Registers of a thread: sixteen general ones in their order on x86-64, instruction pointer, flags. */
export const THREAD_STATE_BYTES = 18 * 8;

/** An object of a session costs nothing by itself: the session pays for it. */
const made = (service: string, title: string, functions: SessionInterface['functions']): SessionInterface => ({
  service,
  title,
  caps: 0,
  ramBytes: 0,
  sessionArguments: [],
  proxy: 'local',
  streams: [],
  functions,
});

/** Interfaces of RPC objects that sessions hand out: no route leads to them, a function of a session returns them. */
export const OBJECT_INTERFACES: readonly SessionInterface[] = [
  made('View', 'View of a Gui session, which another session may put its own views into', []),
  made('Thread', 'Thread of a CPU session', [
    rpc('utcb', {}, { ds: DATASPACE }),
    rpc('start', { ip: U64, sp: U64 }),
    rpc('pause'),
    rpc('resume'),
    rpc('set_state', { state: bytes(THREAD_STATE_BYTES) }),
    rpc('get_state', {}, { condition: U32, state: bytes(THREAD_STATE_BYTES) }),
    rpc('exception_sigh', { sigh: SIGNAL }),
    rpc('single_step', { isEnabled: BOOL }),
    rpc('affinity', { xpos: I32, ypos: I32, width: U32, height: U32 }),
    rpc('trace_control_index', {}, { index: U32 }),
    rpc('trace_buffer', {}, { ds: DATASPACE }),
    rpc('trace_policy', {}, { ds: DATASPACE }),
  ]),
  made('Region map', 'Address space or a part of one', [
    rpc('attach', { ds: DATASPACE, ...ATTACH_ATTRIBUTES }, { start: U64, sizeBytes: U64 }, ATTACH_ERRORS),
    rpc('detach', { at: U64 }),
    rpc('fault_handler', { sigh: SIGNAL }),
    rpc('fault', {}, { kind: U32, address: U64 }),
    rpc('dataspace', {}, { ds: DATASPACE }),
  ]),
  made('Vcpu', 'Processor of a virtual machine', [
    rpc('cpu_state', {}, { ds: DATASPACE }),
    rpc('exception_handler', { sigh: SIGNAL }),
    rpc('run'),
    rpc('pause'),
  ]),
  made('Signal source', 'Source of the signals of a PD session', []),
  made('Signal context', 'Context of a signal source, which may be submitted to', []),
  made('RPC object', 'Object that a PD session made for an entrypoint', []),
];

/** Interface of an object by name; undefined if there is none. */
export const objectInterface = (name: string): SessionInterface | undefined =>
  OBJECT_INTERFACES.find(candidate => candidate.service === name);
