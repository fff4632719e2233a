import { ATOMIC_ACCESS_NAMES, AtomicAccess } from '../impl/muen/kernel-context.ts';
import { type CompiledMachine, compileMachine } from '../model/compile.ts';
import { createKernelMachine } from '../model/kernel.machine.ts';
import { type KernelConfig, kernelConfig } from '../model/kernel-config.ts';
import { type KernelEvent, type KernelSchema, type KernelState, kernelSchema } from '../model/kernel-state.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { initialPages } from './initial-page.ts';

/** Parts of the model that a policy alone determines; built once, used for many runs. */
export interface KernelModel {
  readonly config: KernelConfig;
  /** What the kernel does for this policy and neither side models; counted once a run. */
  readonly unspecified: readonly string[];
  /** State pages as a reset leaves them, by subject. */
  readonly initialPages: readonly Uint32Array[];
  readonly schema: KernelSchema;
  readonly compiled: CompiledMachine<KernelState, KernelEvent>;
  readonly guestMode: number;
  readonly stoppedMode: number;
  /** Mode of a CPU that just filled its dump. */
  readonly auditCountMode: number;
  /** Mode of a CPU that just counted its crash. */
  readonly auditResetMode: number;
  /** Mode of a CPU that found all dumps taken. */
  readonly deadMode: number;
  /** Mode in which the next access resets the current subject. */
  readonly resetMode: number;
  /** Access that the implementation must stand before in a mode; -1 in modes that depend on local state alone. */
  readonly accessOfMode: Int8Array;
}

const ACCESS_OF_LEAF: Readonly<Record<string, number>> = {
  barrierRead: AtomicAccess.barrierRead,
  barrierAdd: AtomicAccess.barrierAdd,
  barrierReset: AtomicAccess.barrierReset,
  barrierRelease: AtomicAccess.barrierRelease,
  barrierSpin: AtomicAccess.barrierSpin,
  majorAdvance: AtomicAccess.majorAdvance,
  timerMark: AtomicAccess.activitySet,
  scanRead: AtomicAccess.activityRead,
  scanCheck: AtomicAccess.pendingRead,
  scanUnmark: AtomicAccess.activityClear,
  scanRecheck: AtomicAccess.pendingRead,
  scanMark: AtomicAccess.activitySet,
  restCheck: AtomicAccess.pendingRead,
  restUnmark: AtomicAccess.activityClear,
  restRecheck: AtomicAccess.pendingRead,
  restMark: AtomicAccess.activitySet,
  setPending: AtomicAccess.pendingSet,
  indicate: AtomicAccess.activitySet,
  interruptIndicate: AtomicAccess.activitySet,
  takeEvent: AtomicAccess.pendingConsume,
  clearEvents: AtomicAccess.pendingClear,
  lockTake: AtomicAccess.lockTake,
  lockSpin: AtomicAccess.lockSpin,
  lockRelease: AtomicAccess.lockRelease,
  lineSelect: AtomicAccess.ioApicSelect,
  lineRead: AtomicAccess.ioApicRead,
  lineWrite: AtomicAccess.ioApicWrite,
  auditSlot: AtomicAccess.auditSlot,
  auditCount: AtomicAccess.auditCount,
  auditReset: AtomicAccess.auditReset,
};

/** The kernel loads an update of microcode, if it is newer, before the first entry; processors here have none. */
const MICROCODE = 'microcode update at boot';

/** Builds and compiles the kernel model of a policy. */
export function kernelModel(document: PolicyDocument): KernelModel {
  const config = kernelConfig(document);
  const schema = kernelSchema(config);
  const { machine, definition } = createKernelMachine(config, schema);
  const compiled = compileMachine(machine, definition) as unknown as CompiledMachine<KernelState, KernelEvent>;
  const accessOfMode = Int8Array.from(compiled.modes, mode => {
    const leaf = mode.slice(mode.lastIndexOf('.') + 1);
    if (mode === 'guest' || mode === 'stopped' || mode === 'dead') return 0;
    return mode.startsWith('choose.') ? -1 : (ACCESS_OF_LEAF[leaf] ?? -2);
  });
  return {
    config,
    unspecified: document.memory.some(({ type }) => type === 'kernel_microcode') ? [MICROCODE] : [],
    initialPages: initialPages(document),
    schema,
    compiled,
    guestMode: compiled.modeIndex('guest'),
    stoppedMode: compiled.modeIndex('stopped'),
    auditCountMode: compiled.modeIndex('access.auditCount'),
    auditResetMode: compiled.modeIndex('access.auditReset'),
    deadMode: compiled.modeIndex('dead'),
    resetMode: compiled.modeIndex('access.clearEvents'),
    accessOfMode,
  };
}

/** By access: 1 if it changes the shared page. */
export const WRITES_SHARED = new Uint8Array(ATOMIC_ACCESS_NAMES.length);
for (const access of [
  AtomicAccess.pendingSet,
  AtomicAccess.pendingConsume,
  AtomicAccess.pendingClear,
  AtomicAccess.activitySet,
  AtomicAccess.activityClear,
  AtomicAccess.barrierAdd,
  AtomicAccess.barrierReset,
  AtomicAccess.barrierRelease,
  AtomicAccess.majorAdvance,
  AtomicAccess.lockTake,
  AtomicAccess.lockSpin,
  AtomicAccess.lockRelease,
  AtomicAccess.auditSlot,
]) {
  WRITES_SHARED[access] = 1;
}
