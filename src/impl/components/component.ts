import type { SoftwareEntry } from '../software.ts';
import type { PolicyFacts } from './policy-facts.ts';

/** Parameters of a stand-in as plain data. */
export type ComponentParameters = Readonly<Record<string, number | string>>;

/** A stand-in for a component of Muen, which runs in a subject whose binary is not given. */
export interface ComponentEntry extends SoftwareEntry {
  /** What of the component it leaves out; empty if nothing. */
  readonly limits: string;
  /** True if a subject is this component: by the file that its policy names, and what it needs. */
  recognises(facts: PolicyFacts): boolean;
  /** Parameters in a policy; `given` names the memory regions whose files are given. */
  parametersOf(facts: PolicyFacts, given: ReadonlySet<string>): ComponentParameters;
}

/** True if a region that the subject maps has `<component>_text` or `<component>` as its file. */
export const hasFile = (facts: PolicyFacts, component: string): boolean =>
  facts.subject.memory.some(mapping => {
    const content = facts.region(mapping)?.content;
    return content?.kind === 'file' && [`${component}_text`, component].includes(content.filename);
  });

/** An object without the entries that are undefined. */
export const present = (fields: Readonly<Record<string, number | string | undefined>>): ComponentParameters =>
  Object.fromEntries(
    Object.entries(fields).filter((entry): entry is [string, number | string] => entry[1] !== undefined),
  );
