import type { TraceOrigin } from '../engine/counterexample.ts';
import type { CheckContext } from '../engine/property.ts';
import { gzipBase64, sha256Hex } from '../host/files.ts';
import type { ContentFile } from '../impl/loader/region-contents.ts';
import type { TraceFile } from '../trace/trace.ts';
import { defined } from '../units/invariant.ts';
import { type ContextSpec, givenFiles } from './context.ts';

/** Most characters of component binaries that a counterexample carries; larger ones are given again at replay. */
const MAX_CARRIED = 0x80_0000;

/** Files as a counterexample carries them. */
function traceFiles(files: readonly ContentFile[]): readonly TraceFile[] {
  const named = files.map(({ name, bytes }) => ({ name, sha256: sha256Hex(bytes) }));
  const packed = files.map(({ bytes }) => gzipBase64(bytes));
  if (packed.reduce((sum, { length }) => sum + length, 0) > MAX_CARRIED) return named;
  return named.map((row, index) => ({ ...row, gzipBase64: packed[index]! }));
}

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
    ...(spec.files === undefined ? {} : { files: () => traceFiles(givenFiles(spec.files)) }),
  };
}
