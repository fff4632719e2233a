import type { TraceOrigin } from '../engine/counterexample.ts';
import type { CheckContext } from '../engine/property.ts';
import { gzipBase64 } from '../host/files.ts';
import { defined } from '../units/invariant.ts';
import type { ContextSpec } from './context.ts';

/** Facts of a context that its counterexample files carry. */
export function toTraceOrigin(spec: ContextSpec, version: string, tables?: CheckContext['tables']): TraceOrigin {
  const tableGzipBase64 = (name: string): string =>
    gzipBase64(
      defined(
        tables?.find(file => file.name === name),
        `given table ${name}`,
      ).bytes,
    );
  return {
    tool: `muencheck ${version}`,
    policyPath: spec.policyPath,
    policySha256: spec.policySha256,
    policyGzipBase64: gzipBase64(spec.policyBytes),
    seed: spec.seed,
    ...(spec.fault === undefined ? {} : { fault: spec.fault }),
    ...(tables === undefined ? {} : { tableGzipBase64 }),
    ...(spec.claims === undefined ? {} : { claims: spec.claims }),
  };
}
