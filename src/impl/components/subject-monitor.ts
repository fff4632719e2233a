import type { HostedSoftware } from '../hosted.ts';
import { call, pause, type RoundState, readWide, roundSoftware, type Steps, stop } from '../native/rounds.ts';
import { ExitReasonCode } from '../vmx/exit-reasons.ts';
import { TIME_INFO } from './calendar.ts';
import { putLine, startLog } from './debug-log.ts';
import { type InitConfig, type LoaderOps, State, startUnderControl } from './init-protocol.ts';
import { type CpuidTable, monitorCpuid } from './monitor-cpuid.ts';
import { emulatePort, freshDevices, type PortConfig, type PortDevices, portAccess } from './monitor-ports.ts';
import { MonitoredState } from './monitor-state.ts';
import { Emulation, MMCONF, type RequestConfig, requestConfig } from './pci-request.ts';

/** Muen's subject monitor (sm) for one Linux subject: emulates what traps and resumes it. */
export interface MonitorConfig extends PortConfig {
  readonly stateAddress: number;
  /** vmcall event that hands the CPU to the subject. */
  readonly resumeEvent: number;
  /** Events by which the subject is reset and loaded before its first entry; without them it starts as it is. */
  readonly resetEvent: number | undefined;
  readonly loadEvent: number | undefined;
  /** Status page of the loader, which must say that the subject is loaded. */
  readonly loaderStatusAddress: number | undefined;
  /** Requests to the device manager; undefined without one. */
  readonly devices: RequestConfig | undefined;
  /** Its own start under a controller; undefined if it starts at once. */
  readonly init: InitConfig | undefined;
  readonly cpuid: CpuidTable;
  readonly miscEnable: number;
}

/** Decisions that a seeded fault can replace. */
export interface MonitorOps {
  readonly cpuid: typeof monitorCpuid;
  /** RDMSR as the subject is answered: low half; the high one is 0. */
  readonly readMsr: (config: MonitorConfig, index: number) => number;
  /** RDTSC as the subject is answered. */
  readonly timestamp: (config: MonitorConfig) => Steps<bigint>;
  /** CR0 for a value that the subject writes. */
  readonly cr0For: (value: bigint) => bigint;
}

const MISC_ENABLE = 0x1a0;
/** What of IA32_MISC_ENABLE a subject sees. */
const MISC_ENABLE_SEEN = 0x1801;
const CR0_NUMERIC_ERROR = 0x20n;
const CR4_VMXE = 1n << 13n;
const CR0_PROTECTED = 1n;
const SCHEDULE_END = 8;

export const monitorOps: MonitorOps = {
  cpuid: monitorCpuid,
  readMsr: ({ miscEnable }, index) => (index === MISC_ENABLE ? miscEnable & MISC_ENABLE_SEEN : 0),
  // The end of the frame: the same for the whole of it, so that it measures nothing.
  timestamp: ({ schedulingInfo }) => readWide(schedulingInfo + SCHEDULE_END),
  cr0For: value => value | CR0_NUMERIC_ERROR,
};

/** What follows from a trap: resume behind the instruction, resume as it is, or give the subject up. */
type Action = 'continue' | 'start' | 'halt';

interface MonitorState {
  readonly hasStarted: boolean;
  readonly devices: PortDevices;
}

/** Exits that are skipped. */
const SKIPPED: ReadonlySet<number> = new Set([
  ExitReasonCode.invlpg,
  ExitReasonCode.debugRegister,
  ExitReasonCode.wbinvd,
  ExitReasonCode.vmcall,
]);

function* cpuid(config: MonitorConfig, ops: MonitorOps, state: MonitoredState): Steps<Action> {
  const leaf = yield* state.word('rax');
  const answer = ops.cpuid(config.cpuid, leaf, yield* state.word('rcx'));
  yield* state.setWord('rax', answer[0]);
  yield* state.setWord('rbx', answer[1]);
  yield* state.setWord('rcx', answer[2]);
  yield* state.setWord('rdx', answer[3]);
  return 'continue';
}

function* rdtsc(config: MonitorConfig, ops: MonitorOps, state: MonitoredState): Steps<Action> {
  const value = yield* ops.timestamp(config);
  yield* state.set('rax', value & 0xffff_ffffn);
  yield* state.set('rdx', value >> 32n);
  return 'continue';
}

function* rdmsr(config: MonitorConfig, ops: MonitorOps, state: MonitoredState): Steps<Action> {
  yield* state.setWord('rax', ops.readMsr(config, yield* state.word('rcx')));
  yield* state.setWord('rdx', 0);
  return 'continue';
}

/** MOV to CR0 from RAX; every other access ends the subject. */
function* controlRegister(ops: MonitorOps, state: MonitoredState): Steps<Action> {
  const qualification = yield* state.word('exitQualification');
  const isToCr0 = (qualification & 0xf) === 0 && (qualification & 0x30) === 0;
  if (!isToCr0 || (qualification & 0xf00) !== 0) return 'halt';
  const value = yield* state.get('rax');
  yield* state.set('cr0Shadow', value);
  yield* state.set('cr0', ops.cr0For(value));
  return 'continue';
}

/** Configuration space goes to the device manager; other accesses to nothing are skipped. */
function* eptViolation(config: MonitorConfig, state: MonitoredState): Steps<Action> {
  const address = Number(yield* state.get('guestPhysicalAddress'));
  if (address < MMCONF.base || address >= MMCONF.base + MMCONF.sizeBytes) return 'continue';
  const isWrite = ((yield* state.word('exitQualification')) & 2) !== 0;
  const rax = yield* state.get('rax');
  if (config.devices === undefined) return 'continue';
  const result = yield* requestConfig(config.devices, {
    source: Math.floor((address - MMCONF.base) / 0x1000) & 0xffff,
    offset: address & 0xff,
    operation: isWrite ? Emulation.write : Emulation.read,
    value: isWrite ? Number(rax & 0xffff_ffffn) : 0,
  });
  if (!isWrite) yield* state.setWord('rax', result);
  return 'continue';
}

/** The subject cannot be entered: before its first entry it is reset and loaded, later it is given up. */
function* invalidState(config: MonitorConfig, state: MonitoredState): Steps<Action> {
  const { resetEvent, loadEvent, loaderStatusAddress } = config;
  if (resetEvent !== undefined && loadEvent !== undefined) {
    yield* call(resetEvent);
    yield* call(loadEvent);
    if (loaderStatusAddress !== undefined && (yield* readWide(loaderStatusAddress)) !== State.running) return 'halt';
  }
  const cr4 = yield* state.get('cr4');
  if ((cr4 & CR4_VMXE) !== 0n) return 'halt';
  if (((yield* state.get('cr0')) & CR0_PROTECTED) === 0n) {
    yield { kind: 'sti' };
    yield { kind: 'hlt' };
    yield { kind: 'cli' };
  }
  yield* state.set('cr4', cr4 | CR4_VMXE);
  return 'start';
}

function* handle(config: MonitorConfig, ops: MonitorOps, value: MonitorState): Steps<readonly [Action, PortDevices]> {
  const state = new MonitoredState(config.stateAddress);
  const { devices } = value;
  const reason = yield* state.word('exitReason');
  if (reason === ExitReasonCode.cpuid) return [yield* cpuid(config, ops, state), devices];
  if (SKIPPED.has(reason)) return ['continue', devices];
  if (reason === ExitReasonCode.rdtsc) return [yield* rdtsc(config, ops, state), devices];
  if (reason === ExitReasonCode.rdmsr) return [yield* rdmsr(config, ops, state), devices];
  if (reason === ExitReasonCode.wrmsr) return ['continue', devices];
  if (reason === ExitReasonCode.controlRegister) return [yield* controlRegister(ops, state), devices];
  if (reason === ExitReasonCode.eptViolation) return [yield* eptViolation(config, state), devices];
  if (reason === ExitReasonCode.ioInstruction) {
    const access = portAccess(yield* state.word('exitQualification'));
    const after = yield* emulatePort(config, state, devices, access);
    return after === undefined ? ['halt', devices] : ['continue', after];
  }
  if (reason % 0x1_0000 === ExitReasonCode.entryFailureGuestState) return [yield* invalidState(config, state), devices];
  return ['halt', devices];
}

/** What comes before the first trap is handled. */
function* start(config: MonitorConfig, loader: LoaderOps): Steps<void> {
  const { init, log, timeInfoAddress } = config;
  if (init !== undefined) yield* startUnderControl(init, loader);
  if (log !== undefined) yield* startLog(log, 'SM subject running');
  if (timeInfoAddress === undefined) return;
  while ((yield* readWide(timeInfoAddress + TIME_INFO.base)) === 0n) yield* pause();
}

export function subjectMonitor(
  config: MonitorConfig,
  ops: MonitorOps,
  loader: LoaderOps,
): HostedSoftware<RoundState<MonitorState>> {
  return roundSoftware<MonitorState>('sm', { hasStarted: false, devices: freshDevices }, function* (value) {
    if (!value.hasStarted) {
      yield* start(config, loader);
      return { ...value, hasStarted: true };
    }
    const [action, devices] = yield* handle(config, ops, value);
    if (action === 'halt') {
      if (config.log !== undefined) yield* putLine(config.log, 'Halting associated subject');
      yield* stop();
    }
    if (action === 'continue') yield* new MonitoredState(config.stateAddress).skip();
    yield* call(config.resumeEvent);
    return { ...value, devices };
  });
}
