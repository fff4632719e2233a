import type { TraceOrigin } from '../engine/counterexample.ts';
import { gzipBase64 } from '../host/files.ts';
import type { ContextSpec } from './context.ts';

/** Facts of a context that its counterexample files carry. */
export function toTraceOrigin(spec: ContextSpec, version: string): TraceOrigin {
  return {
    tool: `muencheck ${version}`,
    policyPath: spec.policyPath,
    policySha256: spec.policySha256,
    policyGzipBase64: gzipBase64(spec.policyBytes),
    seed: spec.seed,
    ...(spec.fault === undefined ? {} : { fault: spec.fault }),
  };
}
