import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import type { MemoryMapping, MemoryRegion, PolicyDocument, Subject } from '../../src/policy/document.ts';
import { parsePolicy } from '../../src/policy/parse.ts';

const GOLDEN = fileURLToPath(new URL('../../../shared/golden/', import.meta.url));
const SCENARIOS = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** True if the outputs of the real toolchain are beside the checkout; without them those tests are skipped. */
export const haveGolden = existsSync(`${GOLDEN}systems`);
export const needsGolden = haveGolden ? '' : ' (skipped: needs ../shared/golden)';

export const goldenText = (path: string): string => readFileSync(`${GOLDEN}${path}`, 'utf8');
export const goldenJson = (path: string): unknown => JSON.parse(goldenText(path));
export const goldenGzip = (path: string): Uint8Array => gunzipSync(readFileSync(`${GOLDEN}${path}`));

/** Folders of `group` that hold an allocated policy. */
export function goldenPolicies(group: 'systems' | 'hand'): string[] {
  if (!haveGolden) return [];
  return readdirSync(`${GOLDEN}${group}`).filter(name => existsSync(`${GOLDEN}${group}/${name}/policy_b.xml`));
}

export const scenarioDocument = (name: string): PolicyDocument => parse(readFileSync(`${SCENARIOS}${name}/policy.xml`));

export function parse(source: string | Uint8Array): PolicyDocument {
  const parsed = parsePolicy(typeof source === 'string' ? new TextEncoder().encode(source) : source);
  if (!parsed.ok) throw new Error(parsed.error.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return parsed.value.document;
}

export const DEMO = 'systems/demo_system_vtd--qemu-kvm/policy_b.xml';

/** An edited policy text and the 1-based line of the edit. */
export interface Edit {
  readonly text: string;
  readonly line: number;
}

/** Inserts a mapping as the first one of a subject, as a person with an editor would. */
export function insertMapping(text: string, subject: string, physical: string, writable: boolean): Edit {
  const lines = text.split('\n');
  const start = lines.findIndex(line => line.includes('<subject ') && line.includes(`name="${subject}"`));
  const memory = lines.findIndex((line, index) => index > start && line.trim() === '<memory>');
  if (start < 0 || memory < 0) throw new Error(`no memory section of ${subject}`);
  const attributes = `logical="added" physical="${physical}" virtualAddress="16#0bad_0000_0000#" writable="${writable}"`;
  lines.splice(memory + 1, 0, `    <memory executable="false" ${attributes}/>`);
  return { text: lines.join('\n'), line: memory + 2 };
}

/** Changes `writable` of the mapping of `physical` in `subject`. */
export function makeWritable(text: string, subject: string, physical: string): Edit {
  const lines = text.split('\n');
  const start = lines.findIndex(line => line.includes('<subject ') && line.includes(`name="${subject}"`));
  const place = lines.findIndex((line, index) => index > start && line.includes(`physical="${physical}"`));
  const changed = lines[place]?.replace('writable="false"', 'writable="true"');
  if (start < 0 || changed === undefined || changed === lines[place])
    throw new Error(`no read-only mapping of ${physical}`);
  lines[place] = changed;
  return { text: lines.join('\n'), line: place + 1 };
}

/** Line of an added mapping, beyond every line of a real file. */
export const ADDED_LINE = 1_000_001;

export function addMapping(document: PolicyDocument, subject: string, fields: Partial<MemoryMapping>): PolicyDocument {
  const mapping: MemoryMapping = {
    at: { line: ADDED_LINE, column: 1 },
    logical: 'added',
    physical: '',
    virtualAddress: 0xbad_0000_0000,
    writable: false,
    executable: false,
    ...fields,
  };
  return editSubject(document, subject, old => ({ ...old, memory: [...old.memory, mapping] }));
}

export function editSubject(
  document: PolicyDocument,
  name: string,
  edit: (subject: Subject) => Subject,
): PolicyDocument {
  return { ...document, subjects: document.subjects.map(subject => (subject.name === name ? edit(subject) : subject)) };
}

export function editMapping(
  document: PolicyDocument,
  subject: string,
  logical: string,
  fields: Partial<MemoryMapping>,
): PolicyDocument {
  return editSubject(document, subject, old => ({
    ...old,
    memory: old.memory.map(mapping => (mapping.logical === logical ? { ...mapping, ...fields } : mapping)),
  }));
}

export function editRegion(document: PolicyDocument, name: string, fields: Partial<MemoryRegion>): PolicyDocument {
  return {
    ...document,
    memory: document.memory.map(region => (region.name === name ? { ...region, ...fields } : region)),
  };
}

/** Partition and group id of a subject, read from the scheduling section by the test itself. */
export function seat(document: PolicyDocument, subject: string): string {
  for (const partition of document.scheduling.partitions) {
    for (const group of partition.groups) {
      if (group.subjects.some(({ name }) => name === subject)) return `${partition.name}/${group.id}`;
    }
  }
  return '';
}
