import type { CheckContext } from '../engine/property.ts';
import { type ReplayResult, replay } from '../engine/replay.ts';
import type { Fault } from '../faults/fault.ts';
import { gunzipBase64, sha256Hex } from '../host/files.ts';
import type { ContentFile } from '../impl/loader/region-contents.ts';
import { readClaims } from '../policy/claims.ts';
import { parsePolicy } from '../policy/parse.ts';
import type { GivenFile } from '../refinement/structures/given.ts';
import { readTrace } from '../trace/read.ts';
import type { Trace } from '../trace/trace.ts';
import { suggestion } from '../units/nearest.ts';
import { err, ok, type Result } from '../units/result.ts';
import type { Catalogue } from './catalogue.ts';
import { contentsOf } from './files-input.ts';

/** A trace that is ready to run. */
export interface PreparedTrace {
  readonly trace: Trace;
  readonly claim: string;
  readonly policyText: string;
  readonly run: () => ReplayResult;
}

/** Policy embedded in a trace, checked against its digest. */
function embeddedPolicy(
  trace: Trace,
): Result<{ readonly bytes: Uint8Array; readonly document: CheckContext['document'] }, readonly string[]> {
  const bytes = gunzipBase64(trace.policy.gzipBase64);
  if (!bytes.ok) return err([`$.policy.gzipBase64: ${bytes.error}`]);
  const digest = sha256Hex(bytes.value);
  if (digest !== trace.policy.sha256)
    return err([
      `$.policy.sha256: the embedded policy has the digest ${digest}, the trace says ${trace.policy.sha256}`,
    ]);
  const parsed = parsePolicy(bytes.value);
  if (!parsed.ok)
    return err(
      parsed.error.map(finding => `$.policy.gzipBase64: line ${finding.line}: ${finding.code} ${finding.message}`),
    );
  return ok({ bytes: bytes.value, document: parsed.value.document });
}

/** Given tables embedded in a trace; undefined if it has none. */
function embeddedTables(trace: Trace): Result<CheckContext['tables'], readonly string[]> {
  if (trace.body.kind !== 'static' || trace.body.tables === undefined) return ok(undefined);
  const files: GivenFile[] = [];
  for (const [index, { name, gzipBase64 }] of trace.body.tables.entries()) {
    const bytes = gunzipBase64(gzipBase64);
    if (!bytes.ok) return err([`$.body.tables[${index}].gzipBase64: ${bytes.error}`]);
    files.push({ name, bytes: bytes.value });
  }
  return ok(files);
}

/** Claims embedded in a trace; undefined if it has none. */
function embeddedClaims(trace: Trace): Result<CheckContext['claims'], readonly string[]> {
  if (trace.body.kind !== 'static' || trace.body.claims === undefined) return ok(undefined);
  const claims = readClaims(trace.body.claims.path, trace.body.claims.text);
  if (claims.ok) return claims;
  return err(claims.error.map(({ line, column, message }) => `$.body.claims.text: ${line}:${column}: ${message}`));
}

/** Files that were in memory: those that the trace carries, else those of the same digest that are given. */
function embeddedFiles(trace: Trace, given: readonly ContentFile[]): Result<readonly ContentFile[], readonly string[]> {
  const files: ContentFile[] = [];
  for (const [index, { name, sha256, gzipBase64 }] of (trace.files ?? []).entries()) {
    const place = `$.files[${index}]`;
    const carried = gzipBase64 === undefined ? undefined : gunzipBase64(gzipBase64);
    if (carried?.ok === false) return err([`${place}.gzipBase64: ${carried.error}`]);
    const bytes = carried?.value ?? given.find(file => file.name === name)?.bytes;
    if (bytes === undefined) return err([`${place}: the trace does not carry ${name}; give its folder with --files`]);
    const digest = sha256Hex(bytes);
    if (digest !== sha256) return err([`${place}.sha256: ${name} has the digest ${digest}, the trace says ${sha256}`]);
    files.push({ name, bytes });
  }
  return ok(files);
}

function faultOf(trace: Trace, faults: readonly Fault[]): Result<Fault | undefined, readonly string[]> {
  if (trace.fault === undefined) return ok(undefined);
  const { id, from } = trace.fault;
  const fault = faults.find(candidate => candidate.id === id);
  if (fault !== undefined) return ok(fault);
  // A trace file is data: it never makes us load a module by itself.
  if (from !== undefined)
    return err([`$.fault: the fault "${id}" comes from the module ${from}; if you trust it, add --from ${from}`]);
  return err([
    `$.fault.id: there is no seeded fault "${id}".${suggestion(
      id,
      faults.map(candidate => candidate.id),
    )}`,
  ]);
}

/**
 * Reads a trace file as hostile input and prepares its replay.
 *
 * @param userFaults faults of a module that the user named.
 * @param given component binaries that the user gave, for a trace that does not carry them.
 * @returns the trace, or every problem with its JSON path.
 */
export function prepareTrace(
  text: string,
  catalogue: Pick<Catalogue, 'properties' | 'faults' | 'seams'>,
  userFaults: readonly Fault[] = [],
  given: readonly ContentFile[] = [],
): Result<PreparedTrace, readonly string[]> {
  const read = readTrace(text);
  if (!read.ok) return err(read.error.map(problem => `${problem.path}: ${problem.message}`));
  const trace = read.value;
  const policy = embeddedPolicy(trace);
  if (!policy.ok) return policy;
  const property = catalogue.properties.find(candidate => candidate.id === trace.property);
  if (property === undefined) {
    return err([
      `$.property: there is no property "${trace.property}".${suggestion(
        trace.property,
        catalogue.properties.map(candidate => candidate.id),
      )}`,
    ]);
  }
  const fault = faultOf(trace, [...userFaults, ...catalogue.faults]);
  if (!fault.ok) return fault;
  const tables = embeddedTables(trace);
  if (!tables.ok) return tables;
  const claims = embeddedClaims(trace);
  if (!claims.ok) return claims;
  const files = embeddedFiles(trace, given);
  if (!files.ok) return files;
  const policyText = new TextDecoder().decode(policy.value.bytes);
  const context: CheckContext = {
    document: policy.value.document,
    policyText,
    policyPath: trace.policy.path,
    policySha256: trace.policy.sha256,
    seams: fault.value === undefined ? catalogue.seams : fault.value.apply(catalogue.seams),
    seed: trace.seed,
    budget: { name: 'smoke' },
    software: [],
    contents: contentsOf(policy.value.document, files.value).contents,
    ...(tables.value === undefined ? {} : { tables: tables.value }),
    ...(claims.value === undefined ? {} : { claims: claims.value }),
  };
  return ok({ trace, claim: property.claim, policyText, run: () => replay(context, property, trace) });
}
