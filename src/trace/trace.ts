import type { Operation } from '../units/operation.ts';
import type { ExternalInterrupt, Interleaving } from '../units/schedule.ts';

export type { ExternalInterrupt, Interleaving } from '../units/schedule.ts';

/** Current version of the trace file format. */
export const TRACE_VERSION = 1;

/** Bytes that stand at an address of a subject before it runs. */
export interface CodeBlock {
  /** Virtual address of a native subject, guest-physical address of a VM. */
  readonly address: number;
  /** Two digits a byte. */
  readonly hex: string;
}

/** Program of one subject: a fixed operation list, named hosted software with plain-data parameters, or machine code. */
export type SubjectProgram =
  | { readonly subject: string; readonly operations: readonly Operation[] }
  /** Runs what its memory holds from the entry point of the policy on, these blocks included. */
  | { readonly subject: string; readonly machineCode: readonly CodeBlock[] }
  | {
      readonly subject: string;
      readonly software: string;
      readonly parameters: Readonly<Record<string, string | number>>;
    };

/** Everything that determines one run of a system: two runs of the same spec are equal in every digest. */
export interface RunSpec {
  /** TSC cycles that one hosted operation takes. */
  readonly cyclesPerInstruction: number;
  /** The run ends when every CPU has reached this TSC, or after maxKernelSteps. */
  readonly endTsc: number;
  readonly maxKernelSteps: number;
  readonly programs: readonly SubjectProgram[];
  readonly interrupts: readonly ExternalInterrupt[];
  readonly interleavings: readonly Interleaving[];
}

/** The concrete thing that a counterexample executes, by kind of check. */
export type TraceBody =
  /** One run, checked step by step against the model (or by a run invariant). */
  | { readonly kind: 'run'; readonly run: RunSpec }
  /** Two runs that differ only in subject `high`; subject `low` must see no difference. */
  | {
      readonly kind: 'pair';
      readonly high: string;
      readonly low: string;
      readonly left: RunSpec;
      readonly right: RunSpec;
    }
  /** Steps of one machine by itself, outside of any Muen system: what runs them is the property. */
  | { readonly kind: 'script'; readonly steps: readonly ScriptStep[] }
  /** No execution: the property enumerates structures of the compiled policy. */
  | {
      readonly kind: 'static';
      /** Files of the user's own toolchain that show the failure, gzip, base64. */
      readonly tables?: readonly { readonly name: string; readonly gzipBase64: string }[];
      /** Claims file that the failure is about. */
      readonly claims?: { readonly path: string; readonly text: string };
    };

/** One step of a script: an operation of the machine with its operands. */
export interface ScriptStep {
  readonly operation: string;
  readonly operands: readonly number[];
}

/** A counterexample as a self-contained file. */
export interface Trace {
  readonly format: 'muencheck-trace';
  readonly version: typeof TRACE_VERSION;
  readonly tool: string;
  readonly policy: {
    readonly path: string;
    readonly sha256: string;
    /** The policy file itself, gzip, base64. */
    readonly gzipBase64: string;
  };
  readonly property: string;
  readonly seed: number;
  /** Seeded fault that was active, and the module it came from if it is a user's own. */
  readonly fault?: { readonly id: string; readonly from?: string };
  /** Files that the policy names and that were in memory; without their bytes when they are too large to carry. */
  readonly files?: readonly TraceFile[];
  readonly body: TraceBody;
  readonly outcome: TraceOutcome;
}

/** A component's file, by name and digest; gzip, base64. */
export interface TraceFile {
  readonly name: string;
  readonly sha256: string;
  readonly gzipBase64?: string;
}

/** What running the body showed; a replay must show exactly this. */
export interface TraceOutcome {
  /** One line: what differed or which rule was violated. */
  readonly summary: string;
  /** What a person reads: one line per fact, "Let ... Then ... because ...". */
  readonly explanation: readonly string[];
  /** Policy lines involved. */
  readonly policyLines: readonly number[];
  /** Timeline rows for the text form. */
  readonly timeline: readonly TimelineRow[];
  /** Digest of the whole machine after every kernel step up to the failure (both runs for a pair, left first). */
  readonly digests: readonly string[];
}

export interface TimelineRow {
  readonly step: number;
  readonly tsc: number;
  readonly cpu: number;
  readonly subject: string;
  readonly event: string;
  readonly note?: string;
}

/** Number of operations in a trace body: what "at most 12 operations" counts. */
export function countOperations(body: TraceBody): number {
  const inRun = (run: RunSpec): number => run.programs.reduce((sum, program) => sum + programLength(program), 0);
  if (body.kind === 'run') return inRun(body.run);
  if (body.kind === 'script') return body.steps.length;
  return body.kind === 'pair' ? Math.max(inRun(body.left), inRun(body.right)) : 0;
}

function programLength(program: SubjectProgram): number {
  if ('operations' in program) return program.operations.length;
  // Blocks of NOPs only keep addresses, and the last one is the loop that every program ends in.
  return 'machineCode' in program ? program.machineCode.filter(({ hex }) => !/^(?:90)*(?:ebfe)?$/.test(hex)).length : 0;
}

/** Number of external inputs in a trace body: interrupts and interleaving deviations. */
export function countEvents(body: TraceBody): number {
  const inRun = (run: RunSpec): number => run.interrupts.length + run.interleavings.length;
  if (body.kind === 'run') return inRun(body.run);
  return body.kind === 'pair' ? Math.max(inRun(body.left), inRun(body.right)) : 0;
}
