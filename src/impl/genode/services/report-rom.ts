import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { RpcValue } from '../proxy/values.ts';
import { interfaceNamed } from './interfaces.ts';
import {
  type Called,
  type DataspaceId,
  returns,
  type Service,
  type ServiceEnv,
  type SessionError,
  type SessionNumber,
  type SessionRequest,
  withEntry,
} from './service.ts';
import { bufferBytes, policyFor } from './service-config.ts';
import type { ServiceOps } from './service-ops.ts';

/** Opcode of `sigh` of the ROM interface: the module changed. */
export const ROM_SIGH = 2;
/** Buffer of a Report session whose client names none. */
const DEFAULT_REPORT_BYTES = 0x1000;
const MAX_REPORT_BYTES = 0x100_0000;

/** Latest content of a report, in memory of the server itself. */
interface RomModule {
  readonly dataspace: DataspaceId | undefined;
  readonly capacityBytes: number;
  readonly length: number;
  /** Counts submissions, and ends of reporters. */
  readonly version: number;
  readonly writer: SessionNumber | undefined;
}

interface ReportSession {
  readonly label: string;
  readonly dataspace: DataspaceId;
  readonly sizeBytes: number;
}

interface RomSession {
  /** Label of the report that it reads. */
  readonly report: string;
  readonly dataspace: DataspaceId | undefined;
  /** Version of the module that the client has seen. */
  readonly seen: number;
}

export interface ReportRomState {
  readonly modules: ReadonlyMap<string, RomModule>;
  readonly reports: ReadonlyMap<SessionNumber, ReportSession>;
  readonly roms: ReadonlyMap<SessionNumber, RomSession>;
}

const NO_MODULE: RomModule = { dataspace: undefined, capacityBytes: 0, length: 0, version: 0, writer: undefined };

const moduleOf = ({ modules }: ReportRomState, report: string): RomModule => modules.get(report) ?? NO_MODULE;

function openReport(
  state: ReportRomState,
  session: SessionNumber,
  { label, args, ramBytes }: SessionRequest,
  env: ServiceEnv,
): Result<ReportRomState, SessionError> {
  const sizeBytes = bufferBytes(args.buffer_size, DEFAULT_REPORT_BYTES, MAX_REPORT_BYTES);
  if (sizeBytes === undefined) return err('DENIED');
  const dataspace = ramBytes < sizeBytes ? undefined : env.allocate(sizeBytes);
  if (dataspace === undefined) return err('INSUFFICIENT_RAM');
  return ok({ ...state, reports: withEntry(state.reports, session, { label, dataspace, sizeBytes }) });
}

/** Tells everybody who reads a report that it changed. */
function notifyReaders(state: ReportRomState, report: string, env: ServiceEnv): void {
  for (const [session, rom] of state.roms) if (rom.report === report) env.notify(session, ROM_SIGH);
}

function submit(
  ops: ServiceOps,
  state: ReportRomState,
  session: SessionNumber,
  announced: RpcValue | undefined,
  env: ServiceEnv,
): ReportRomState {
  const { label, dataspace, sizeBytes } = state.reports.get(session)!;
  const length = ops.reportLength(BigInt.asUintN(64, BigInt(announced as bigint)), sizeBytes);
  let known = moduleOf(state, label);
  if (known.capacityBytes < length) {
    const grown = env.allocate(length);
    if (grown === undefined) return state;
    if (known.dataspace !== undefined) env.release(known.dataspace);
    known = { ...known, dataspace: grown, capacityBytes: length };
  }
  // The client may go on writing its buffer: readers get the copy that was made here, once.
  if (known.dataspace !== undefined) env.write(known.dataspace, 0, env.read(dataspace, 0, length));
  const module = { ...known, length, version: known.version + 1, writer: session };
  const next = { ...state, modules: withEntry(state.modules, label, module) };
  notifyReaders(next, label, env);
  return next;
}

function closeReport(ops: ServiceOps, state: ReportRomState, session: SessionNumber, env: ServiceEnv): ReportRomState {
  const { label, dataspace } = state.reports.get(session)!;
  env.release(dataspace);
  const next = { ...state, reports: withEntry(state.reports, session, undefined) };
  const known = moduleOf(state, label);
  if (known.writer !== session || !ops.reportEndsWithReporter()) return next;
  const emptied = { ...known, length: 0, version: known.version + 1, writer: undefined };
  const cleared = { ...next, modules: withEntry(next.modules, label, emptied) };
  notifyReaders(cleared, label, env);
  return cleared;
}

/** Copies a module into the dataspace of a reader, and clears what is behind it. */
function copyModule({ dataspace, length }: RomModule, target: DataspaceId, env: ServiceEnv): void {
  if (dataspace === undefined) return;
  const bytes = new Uint8Array(env.sizeOf(target));
  bytes.set(env.read(dataspace, 0, length));
  env.write(target, 0, bytes);
}

/** A new dataspace with the content of now; invalid if there is none. */
function newDataspace(
  ops: ServiceOps,
  state: ReportRomState,
  session: SessionNumber,
  env: ServiceEnv,
): Called<ReportRomState> {
  const rom = state.roms.get(session)!;
  const module = moduleOf(state, rom.report);
  if (rom.dataspace !== undefined) env.release(rom.dataspace);
  const dataspace = module.length === 0 ? undefined : env.allocate(module.length);
  if (dataspace !== undefined) copyModule(module, dataspace, env);
  const roms = withEntry(state.roms, session, { ...rom, dataspace, seen: ops.seenVersion(module.version) });
  return returns({ ...state, roms }, dataspace ?? 0);
}

/** Refreshes the dataspace that the client holds; false if the content does not fit into it. */
function update(
  ops: ServiceOps,
  state: ReportRomState,
  session: SessionNumber,
  env: ServiceEnv,
): Called<ReportRomState> {
  const rom = state.roms.get(session)!;
  const module = moduleOf(state, rom.report);
  const isFitting = rom.dataspace !== undefined && module.length > 0 && module.length <= env.sizeOf(rom.dataspace);
  if (!isFitting) return returns(state, 0);
  copyModule(module, rom.dataspace!, env);
  return returns(
    { ...state, roms: withEntry(state.roms, session, { ...rom, seen: ops.seenVersion(module.version) }) },
    1,
  );
}

function callRom(
  ops: ServiceOps,
  state: ReportRomState,
  session: SessionNumber,
  name: string,
  env: ServiceEnv,
): Called<ReportRomState> {
  if (name === 'dataspace') return newDataspace(ops, state, session, env);
  if (name === 'update') return update(ops, state, session, env);
  const { report, seen } = state.roms.get(session)!;
  // What changed before the client asked to be told would otherwise be missed.
  if (moduleOf(state, report).version !== seen) env.notify(session, ROM_SIGH);
  return returns(state);
}

/**
 * report_rom: what clients report, others read as a ROM module. A policy of the configuration says, for the label of a
 * ROM session, the label of the report that it reads. Without a report the module is empty.
 */
export function reportRomService(config: XmlElement | undefined, ops: ServiceOps): Service<ReportRomState> {
  return {
    faces: [interfaceNamed('Report'), interfaceNamed('ROM')],
    initial: { modules: new Map(), reports: new Map(), roms: new Map() },
    open(state, session, request, env) {
      if (request.service === 'Report') return openReport(state, session, request, env);
      const report = policyFor(config, request.label)?.attributes.report;
      if (report === undefined) return err('DENIED');
      return ok({ ...state, roms: withEntry(state.roms, session, { report, dataspace: undefined, seen: 0 }) });
    },
    close(state, session, env) {
      if (state.reports.has(session)) return closeReport(ops, state, session, env);
      const dataspace = state.roms.get(session)?.dataspace;
      if (dataspace !== undefined) env.release(dataspace);
      return { ...state, roms: withEntry(state.roms, session, undefined) };
    },
    call(state, session, name, [value], env) {
      if (state.roms.has(session)) return callRom(ops, state, session, name, env);
      switch (name) {
        case 'dataspace':
          return returns(state, state.reports.get(session)!.dataspace);
        case 'submit':
          return returns(submit(ops, state, session, value, env));
        case 'obtain_response':
          // Nobody responds: the readers are ROM clients, which cannot.
          return returns(state, 0n);
        default:
          return returns(state);
      }
    },
  };
}
