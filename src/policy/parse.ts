import { err, ok, type Result } from '../units/result.ts';
import type { PolicyDocument } from './document.ts';
import type { Finding } from './finding.ts';
import { group, type NodeOf, one } from './grammar.ts';
import { readLegacy } from './legacy-format-b.ts';
import { KERNEL, toKernel } from './parse-devices.ts';
import { HARDWARE, toHardware } from './parse-hardware.ts';
import { DEVICE_DOMAINS, MEMORY, toDeviceDomains, toRegions } from './parse-memory.ts';
import { CONFIG, PLATFORM, toConfig, toPlatform } from './parse-platform.ts';
import { SCHEDULING, toScheduling } from './parse-scheduling.ts';
import { EVENTS, SUBJECTS, toEvents, toSubjects } from './parse-subject.ts';
import { FORMAT_HINT, readByGrammar } from './reader.ts';

const ROOT_HINT =
  'Give the policy itself or a system configuration: descriptions of hardware and platform go with --hardware and --platform, the directory of component specifications with --include.';

import { parseXml, XML_LIMITS, type XmlDocument, type XmlLimits } from './xml.ts';

const SYSTEM = group({
  config: one(CONFIG),
  hardware: one(HARDWARE),
  platform: one(PLATFORM),
  memory: one(MEMORY),
  deviceDomains: one(DEVICE_DOMAINS),
  events: one(EVENTS),
  kernel: one(KERNEL),
  subjects: one(SUBJECTS),
  scheduling: one(SCHEDULING),
});

export interface ParseOptions {
  /** Bounds of the XML file; by default those of XML_LIMITS. */
  readonly limits?: Partial<XmlLimits>;
}

export interface ParsedPolicy {
  readonly document: PolicyDocument;
  /** What does not make the policy unreadable. */
  readonly findings: readonly Finding[];
}

/**
 * Reads a Muen system policy in format B (schema of late 2024).
 *
 * The document is what the file says; whether that makes sense is decided by checkPolicy. The error lists everything
 * that does not fit the schema, at most 200 findings, at least one of them an error. Never throws.
 */
export function parsePolicy(bytes: Uint8Array, options: ParseOptions = {}): Result<ParsedPolicy, Finding[]> {
  const xml = parseXml(bytes, { ...XML_LIMITS, ...options.limits });
  return xml.ok ? readPolicy(xml.value) : err([xml.error]);
}

/** As parsePolicy, for XML that is already read or that the toolchain made; places keep the file that they name. */
export function readPolicy(given: XmlDocument): Result<ParsedPolicy, Finding[]> {
  const format = otherFormat(given);
  if (format.length > 0) return err(format);
  const { xml, findings: legacy } = readLegacy(given);
  const refused = legacy.filter(({ severity }) => severity === 'error');
  if (refused.length > 0) return err(refused);
  const { node, findings, foreign } = readByGrammar(xml, SYSTEM);
  if (foreign.errorCount > 0) return err(inFileOrder(foreign.all()));
  if (findings.errorCount > 0) return err(inFileOrder(findings.all()));
  return ok({ document: toDocument(node), findings: [...legacy, ...findings.all()] });
}

/** Sorted by place; what concerns the whole file comes last. */
function inFileOrder(findings: readonly Finding[]): Finding[] {
  const line = (finding: Finding): number => finding.line || Number.POSITIVE_INFINITY;
  const file = ({ file = '' }: Finding): string => file;
  const byFile = (a: Finding, b: Finding): number => (file(a) < file(b) ? -1 : file(a) > file(b) ? 1 : 0);
  return [...findings].sort((a, b) => byFile(a, b) || line(a) - line(b) || a.column - b.column);
}

/** Findings when the file as a whole is something else than format B. */
function otherFormat({ root }: XmlDocument): Finding[] {
  const finding = (code: string, message: string, hint: string): Finding[] => [
    { code, severity: 'error', message, ...root.at, hint },
  ];
  if (root.name !== 'system') {
    const known = ROOTS_OF_OTHER_FILES.get(root.name);
    const what = known === undefined ? '' : `, the root of ${known}`;
    return finding('POL-ROOT', `the root element is <${root.name}>${what}, expected <system>`, ROOT_HINT);
  }
  const regions = root.children.filter(child => child.name === 'memory').flatMap(section => section.children);
  const floating = regions.filter(
    region => region.name === 'memory' && region.attributes.physicalAddress === undefined,
  );
  if (floating.length * 2 > regions.length) {
    const message = `${floating.length} of ${regions.length} memory regions have no physicalAddress: the policy is not allocated yet (format A or source)`;
    return [{ code: 'POL-FORMAT', severity: 'error', message, ...floating[0]!.at, hint: FORMAT_HINT }];
  }
  const allocated = regions.length > 0 && floating.length === 0;
  if (root.children.length > 0 && !allocated && !root.children.some(child => child.name === 'kernel')) {
    const message = 'the policy has no <kernel> section: it is not expanded yet (format source)';
    return finding('POL-FORMAT', message, FORMAT_HINT);
  }
  return [];
}

const ROOTS_OF_OTHER_FILES: ReadonlyMap<string, string> = new Map([
  ['component', 'a component specification'],
  ['library', 'a library specification'],
  ['hardware', 'a hardware description'],
  ['platform', 'a platform description'],
  ['config', 'a system configuration'],
  ['scheduling', 'a scheduling plan'],
]);

function toDocument({ at, children }: NodeOf<typeof SYSTEM>): PolicyDocument {
  return {
    at,
    format: 'b',
    config: toConfig(children.config[0]!),
    hardware: toHardware(children.hardware[0]!),
    platform: toPlatform(children.platform[0]!),
    memory: toRegions(children.memory[0]!),
    deviceDomains: toDeviceDomains(children.deviceDomains[0]!),
    events: toEvents(children.events[0]!),
    kernel: toKernel(children.kernel[0]!),
    subjects: toSubjects(children.subjects[0]!),
    scheduling: toScheduling(children.scheduling[0]!),
  };
}
