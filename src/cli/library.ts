export {
  type EntryJudgement,
  type OwnPropertyOptions,
  ownProperty,
  type SubjectEntry,
} from '../../properties/index.ts';

import { selectByGlobs } from '../engine/glob.ts';
import type { Budget, Property, Task } from '../engine/property.ts';
import type { ReplayResult } from '../engine/replay.ts';
import { checkPolicyProperties } from '../engine/run.ts';
import type { InternalError } from '../engine/task-queue.ts';
import type { Fault } from '../faults/fault.ts';
import { elapsedMs, nowMs } from '../host/clock.ts';
import { inProcessRunner } from '../host/workers.ts';
import { readClaims } from '../policy/claims.ts';
import type { PolicyDocument } from '../policy/document.ts';
import type { Finding } from '../policy/finding.ts';
import type { GivenFile } from '../refinement/structures/given.ts';
import type { CheckReport } from '../report/check-report.ts';
import { defined } from '../units/invariant.ts';
import { claimFindings } from './claims-input.ts';
import { type ContextSpec, createContext } from './context.ts';
import { catalogue } from './default-catalogue.ts';
import { examinePolicy } from './policy-input.ts';
import { prepareTrace } from './replay-trace.ts';
import { NO_RESULT, toReport } from './to-report.ts';
import { toTraceOrigin } from './trace-origin.ts';
import { readVersion } from './version.ts';

export interface CheckPolicyOptions {
  /** Path that the report shows. */
  readonly path?: string;
  /** Globs over property ids; none selects all. */
  readonly properties?: readonly string[];
  /** 32-bit seed. */
  readonly seed?: number;
  readonly budget?: Budget;
  /** Properties of your own, beside the registered ones. */
  readonly own?: readonly Property[];
  /** Fault that is active in the kernel. */
  readonly fault?: Fault;
  /** Tables of your own toolchain, unpacked, by the names that it gives them. */
  readonly tables?: readonly GivenFile[];
  /** Text of a claims file; one that cannot be used gives error findings and no property. */
  readonly claims?: string;
}

/** A report, and our own errors: with any of them the report is not to be trusted. */
export interface LibraryReport extends CheckReport {
  readonly errors: readonly InternalError[];
}

/** Path that findings about the claims of the library show. */
const CLAIMS_PATH = 'claims.json';

/** Findings about claims; they are usable if they can be read. */
function examineClaims(
  document: PolicyDocument | undefined,
  spec: ContextSpec['claims'],
): { readonly findings: readonly Finding[]; readonly usable: boolean } {
  if (spec === undefined) return { findings: [], usable: true };
  const claims = readClaims(spec.path, spec.text);
  if (!claims.ok) return { findings: claims.error, usable: false };
  return { findings: document === undefined ? [] : claimFindings(claims.value, document), usable: true };
}

/**
 * Checks a policy in this thread: what `muencheck check --jobs 1` does.
 *
 * An invalid policy gives a report with error findings and no property.
 */
export async function check(policyBytes: Uint8Array, options: CheckPolicyOptions = {}): Promise<LibraryReport> {
  const startMs = nowMs();
  const { path = 'policy.xml', properties = [], seed = 1, budget = { name: 'smoke' } } = options;
  const policy = examinePolicy(path, policyBytes, []);
  const policyMs = elapsedMs(startMs);
  const { tables, own = [], fault } = options;
  const claims = options.claims === undefined ? undefined : { path: CLAIMS_PATH, text: options.claims };
  const { findings, usable } = examineClaims(policy.document, claims);
  const spec: ContextSpec = {
    policyBytes,
    policyPath: path,
    policySha256: policy.digest,
    seed,
    budget,
    software: [],
    ...(claims === undefined ? {} : { claims }),
  };
  const version = readVersion();
  let result = NO_RESULT;
  if (policy.valid && usable) {
    const context = {
      ...(await createContext(spec, catalogue)),
      ...(tables === undefined ? {} : { tables }),
      ...(fault === undefined ? {} : { seams: fault.apply(catalogue.seams) }),
    };
    const known = [...catalogue.properties, ...own];
    const byId = new Map<string, Property>(known.map(property => [property.id, property]));
    const runner = inProcessRunner((task: Task) =>
      defined(byId.get(task.property), task.property).runTask(context, task),
    );
    const selected = selectByGlobs(known, properties);
    result = await checkPolicyProperties(context, {
      properties: selected,
      jobs: 1,
      origin: toTraceOrigin(spec, version, tables),
      execute: task => runner.submit(task),
    });
  }
  const times = { policyMs, checkMs: elapsedMs(startMs + policyMs), totalMs: elapsedMs(startMs) };
  return { ...toReport(version, policy, seed, result, times, findings), errors: result.errors };
}

/** Result of replayTrace: `unreadable` when the file is no trace that this version can run. */
export type TraceReplay = ReplayResult | { readonly status: 'unreadable'; readonly differences: readonly string[] };

/**
 * Replays the text of a trace file: what `muencheck replay` does. Never throws on hostile input.
 *
 * @param userFaults your own faults, if the trace was made with one of them.
 */
export function replayTrace(text: string, userFaults: readonly Fault[] = []): TraceReplay {
  const prepared = prepareTrace(text, catalogue, userFaults);
  return prepared.ok ? prepared.value.run() : { status: 'unreadable', differences: prepared.error };
}
