import type { Budget, CheckContext, ScenarioSoftware } from '../engine/property.ts';
import type { Fault } from '../faults/fault.ts';
import { readFaults } from '../faults/read-faults.ts';
import { importUserModule } from '../host/modules.ts';
import type { ContentFile } from '../impl/loader/region-contents.ts';
import { type Claims, readClaims } from '../policy/claims.ts';
import type { Finding } from '../policy/finding.ts';
import { parsePolicy } from '../policy/parse.ts';
import { defined, invariant } from '../units/invariant.ts';
import { err, type Result } from '../units/result.ts';
import type { Catalogue } from './catalogue.ts';
import { contentsOf, type FilesSpec, readFiles } from './files-input.ts';
import { readTables, type TablesSpec } from './tables-input.ts';

/** Plain data from which every thread rebuilds the same CheckContext. */
export interface ContextSpec {
  readonly policyBytes: Uint8Array;
  readonly policyPath: string;
  readonly policySha256: string;
  readonly fault?: { readonly id: string; readonly from?: string };
  readonly seed: number;
  readonly budget: Budget;
  readonly software: readonly ScenarioSoftware[];
  readonly tables?: TablesSpec;
  readonly files?: FilesSpec;
  /** Text of the claims file, which is known to be valid. */
  readonly claims?: { readonly path: string; readonly text: string };
}

/** Loads a user's fault module; the error lists what is wrong with it. */
export async function loadFaultModule(
  from: string,
  knownIds: readonly string[],
): Promise<Result<readonly Fault[], readonly Finding[]>> {
  const loaded = await importUserModule(from);
  if (loaded.ok) return readFaults(loaded.value, knownIds);
  const hint = 'The module must export a fault, or an array of faults, as its default.';
  const message = `the module cannot be loaded: ${loaded.error}`;
  return err([{ code: 'FAULT-MODULE', severity: 'error', message, line: 0, column: 0, hint }]);
}

async function findFault(spec: NonNullable<ContextSpec['fault']>, catalogue: Catalogue): Promise<Fault> {
  if (spec.from === undefined)
    return defined(
      catalogue.faults.find(fault => fault.id === spec.id),
      `fault ${spec.id}`,
    );
  const loaded = await loadFaultModule(spec.from, []);
  invariant(loaded.ok, `fault module ${spec.from} cannot be loaded again`);
  return defined(
    loaded.value.find(fault => fault.id === spec.id),
    `fault ${spec.id} of ${spec.from}`,
  );
}

/** Reads the given tables again; they must not change while they are checked. */
function givenTables(spec: TablesSpec): NonNullable<CheckContext['tables']> {
  const read = readTables(spec.folders);
  invariant(read.ok && read.value.spec.sha256 === spec.sha256, 'the given tables changed while they were checked');
  return read.value.files;
}

/** Reads the given component binaries again. */
export function givenFiles(spec: FilesSpec | undefined): readonly ContentFile[] {
  if (spec === undefined) return [];
  const read = readFiles(spec.folder);
  invariant(read.ok && read.value.spec.sha256 === spec.sha256, 'the given files changed while they were used');
  return read.value.files;
}

/** Claims of a text that was read before. */
export function knownClaims(spec: NonNullable<ContextSpec['claims']>): Claims {
  const read = readClaims(spec.path, spec.text);
  invariant(read.ok, 'the claims file was valid before');
  return read.value;
}

/** Builds the context of a policy that is known to parse. */
export async function createContext(spec: ContextSpec, catalogue: Catalogue): Promise<CheckContext> {
  const parsed = parsePolicy(spec.policyBytes);
  invariant(parsed.ok, `policy ${spec.policyPath} does not parse`);
  const seams =
    spec.fault === undefined ? catalogue.seams : (await findFault(spec.fault, catalogue)).apply(catalogue.seams);
  return {
    document: parsed.value.document,
    policyText: new TextDecoder().decode(spec.policyBytes),
    policyPath: spec.policyPath,
    policySha256: spec.policySha256,
    seams,
    seed: spec.seed,
    budget: spec.budget,
    software: spec.software,
    contents: contentsOf(parsed.value.document, givenFiles(spec.files)).contents,
    ...(spec.tables === undefined ? {} : { tables: givenTables(spec.tables) }),
    ...(spec.claims === undefined ? {} : { claims: knownClaims(spec.claims) }),
  };
}

const MAX_CACHED = 4;

/** Remembers the last few contexts, because a worker gets many tasks of each. */
export class ContextCache {
  private readonly contexts = new Map<string, Promise<CheckContext>>();

  get(spec: ContextSpec, catalogue: Catalogue): Promise<CheckContext> {
    const { policyBytes, ...rest } = spec;
    const key = JSON.stringify(rest);
    const known = this.contexts.get(key);
    if (known !== undefined) return known;
    const [oldest] = this.contexts.keys();
    if (this.contexts.size >= MAX_CACHED && oldest !== undefined) this.contexts.delete(oldest);
    const created = createContext({ policyBytes, ...rest }, catalogue);
    this.contexts.set(key, created);
    return created;
  }
}
