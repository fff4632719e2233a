import type { CheckContext } from '../engine/property.ts';
import type { FuzzInput } from '../fuzz/fuzz-input.ts';
import { type Execution, FuzzTarget } from '../fuzz/fuzz-target.ts';
import { invariant } from '../units/invariant.ts';
import type { Catalogue } from './catalogue.ts';
import { ContextCache, type ContextSpec } from './context.ts';

/** A share of a round as plain data. */
export interface FuzzPayload {
  /** URL of the module that exports `catalogue`. */
  readonly catalogueUrl: string;
  readonly context: ContextSpec;
  readonly inputs: readonly FuzzInput[];
}

const contexts = new ContextCache();
const targets = new WeakMap<CheckContext, FuzzTarget>();

/** Executes inputs one after the other, in a worker thread or in the main one. */
export async function handle(payload: FuzzPayload): Promise<readonly Execution[]> {
  const { catalogue } = (await import(payload.catalogueUrl)) as { readonly catalogue: Catalogue };
  const context = await contexts.get(payload.context, catalogue);
  let target = targets.get(context);
  if (target === undefined) {
    const created = FuzzTarget.create(context);
    invariant(created.ok, 'the system was built before');
    target = created.value;
    targets.set(context, target);
  }
  const ready = target;
  return payload.inputs.map(input => ready.execute(input));
}
