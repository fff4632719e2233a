import type { Trace, TraceFile } from '../trace/trace.ts';
import { TRACE_VERSION } from '../trace/trace.ts';
import type { Failure } from './property.ts';

/** Facts about the check that a trace file carries beside the failure itself. */
export interface TraceOrigin {
  /** Tool name and version. */
  readonly tool: string;
  readonly policyPath: string;
  readonly policySha256: string;
  /** The policy file, gzip, base64. */
  readonly policyGzipBase64: string;
  readonly seed: number;
  readonly fault?: NonNullable<Trace['fault']>;
  /** A given table, gzip, base64; absent when none were given. */
  readonly tableGzipBase64?: (name: string) => string;
  readonly claims?: { readonly path: string; readonly text: string };
  /** Component binaries that were in memory. */
  readonly files?: () => readonly TraceFile[];
}

/** The failure's body, with the given files that show it. */
function bodyOf({ body, tables = [], claims = false }: Failure, origin: TraceOrigin): Trace['body'] {
  const pack = origin.tableGzipBase64;
  if (body.kind !== 'static') return body;
  return {
    ...body,
    ...(tables.length === 0 || pack === undefined
      ? {}
      : { tables: tables.map(name => ({ name, gzipBase64: pack(name) })) }),
    ...(claims && origin.claims !== undefined ? { claims: origin.claims } : {}),
  };
}

/** Wraps a failure into a self-contained trace file. */
export function toTrace(property: string, failure: Failure, origin: TraceOrigin): Trace {
  return {
    format: 'muencheck-trace',
    version: TRACE_VERSION,
    tool: origin.tool,
    policy: { path: origin.policyPath, sha256: origin.policySha256, gzipBase64: origin.policyGzipBase64 },
    property,
    seed: origin.seed,
    ...(origin.fault === undefined ? {} : { fault: origin.fault }),
    ...(origin.files === undefined || failure.body.kind === 'static' || failure.body.kind === 'script'
      ? {}
      : { files: origin.files() }),
    body: bodyOf(failure, origin),
    outcome: failure.outcome,
  };
}

/** File name of a property's counterexample, the same in every run. */
export const traceFileName = (property: string): string => `${property.replace(/[^A-Za-z0-9-]+/g, '-')}.trace.json`;
