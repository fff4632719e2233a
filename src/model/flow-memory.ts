import type { MemoryAccess } from './flow-access.ts';
import { forEachSharing, isKernelType, memoryAccesses } from './flow-access.ts';
import type { FlowMechanism, FlowStatement } from './flow-edge.ts';
import { type PolicyLine, policyLine } from './flow-line.ts';
import type { FlowParties } from './flow-nodes.ts';

/** Flows through memory: every pair of parties of which one may write and the other may read the same physical byte. */
export function memoryFlows(parties: FlowParties): FlowStatement[] {
  const accesses = memoryAccesses(parties);
  const statements: FlowStatement[] = [];
  const actors = domainActors(parties);
  forEachSharing(accesses, (a, b) => {
    if (sameFamily(parties, a.party, b.party) || (a.implied && b.implied)) return;
    for (const [writer, reader] of [
      [a, b],
      [b, a],
    ] as const) {
      if (writer.writable) statements.push(...transfer(writer, reader, actors));
    }
  });
  return [
    ...statements,
    ...siblingFlows(parties),
    ...kernelPageFlows(parties, accesses),
    ...insideDomains(parties, actors),
  ];
}

/** Subjects that act through a domain: those with one of its devices. */
function domainActors(parties: FlowParties): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, readonly string[]>();
  for (const domain of parties.document.deviceDomains) {
    const devices = new Set(domain.devices.map(device => device.physical));
    const owners = [...parties.subjects.values()].filter(subject => subject.devices.some(d => devices.has(d.physical)));
    result.set(
      parties.domainIds.get(domain.name)!,
      owners.map(subject => subject.name),
    );
  }
  return result;
}

function transfer(
  writer: MemoryAccess,
  reader: MemoryAccess,
  actors: ReadonlyMap<string, readonly string[]>,
): FlowStatement[] {
  const mechanism = memoryMechanism(writer, reader);
  const common = {
    via: writer.region === reader.region ? writer.region : `${writer.region} = ${reader.region}`,
    fromLogical: writer.logical,
    toLogical: reader.logical,
    lines: [...writer.lines, ...reader.lines],
  };
  const direct: FlowStatement = {
    from: writer.party,
    to: reader.party,
    mechanism,
    ...common,
    detail: detailOf(mechanism, writer, reader),
  };
  const ends = (access: MemoryAccess): readonly string[] =>
    access.partyKind === 'device-domain' ? (actors.get(access.party) ?? []) : [access.party];
  if (writer.partyKind !== 'device-domain' && reader.partyKind !== 'device-domain') return [direct];
  const byDevice = ends(writer).flatMap(from =>
    ends(reader).map(
      (to): FlowStatement => ({ from, to, mechanism: 'device-domain', ...common, detail: 'DMA of an assigned device' }),
    ),
  );
  return [direct, ...byDevice];
}

function memoryMechanism(writer: MemoryAccess, reader: MemoryAccess): FlowMechanism {
  const domain = writer.partyKind === 'device-domain' || reader.partyKind === 'device-domain';
  if (writer.region !== reader.region)
    return writer.type === undefined && reader.type === undefined ? 'device-memory' : 'overlapping-memory';
  if (domain) return 'device-domain';
  const type = writer.type;
  if (type === undefined) return 'device-memory';
  if (isKernelType(type)) return 'kernel-memory';
  if (type === 'subject_channel') return 'channel';
  if (type === 'subject_state' || type === 'subject_interrupts' || type === 'subject_timed_event') return 'monitor';
  return 'shared-memory';
}

function detailOf(mechanism: FlowMechanism, writer: MemoryAccess, reader: MemoryAccess): string {
  if (mechanism === 'monitor')
    return reader.implied ? 'writes a page the kernel acts on' : 'reads a page the kernel keeps for the subject';
  if (mechanism === 'device-domain') return writer.partyKind === 'device-domain' ? 'DMA write' : 'DMA read';
  return reader.writable ? 'both may write' : 'one writes, the other reads';
}

function sameFamily(parties: FlowParties, a: string, b: string): boolean {
  const origin = parties.family.get(a);
  return origin !== undefined && origin === parties.family.get(b);
}

function siblingFlows(parties: FlowParties): FlowStatement[] {
  const members = new Map<string, string[]>();
  for (const [name, origin] of parties.family) members.set(origin, [...(members.get(origin) ?? []), name]);
  const line = (name: string): PolicyLine => policyLine(parties.subjects.get(name)!);
  return [...members].flatMap(([origin, names]) =>
    names.flatMap(from =>
      names.map(
        (to): FlowStatement => ({
          from,
          to,
          mechanism: 'sibling',
          via: origin,
          lines: [line(from), line(to)],
          detail: `one address space, that of ${origin}`,
        }),
      ),
    ),
  );
}

/** Pages the kernel fills for subjects, and the one that tau0 fills for the kernel. */
function kernelPageFlows(parties: FlowParties, accesses: readonly MemoryAccess[]): FlowStatement[] {
  const { kernel } = parties;
  return accesses.flatMap((access): FlowStatement[] => {
    const common = { via: access.region, lines: access.lines };
    const fromKernel = { from: kernel, to: access.party, toLogical: access.logical, ...common };
    const toKernel = { from: access.party, to: kernel, fromLogical: access.logical, ...common };
    switch (access.type) {
      case 'subject_scheduling_info':
        return [{ ...fromKernel, mechanism: 'scheduling-info', detail: 'start and end of the minor frame' }];
      case 'subject_crash_audit':
        return [{ ...fromKernel, mechanism: 'crash-audit', detail: 'crash records of earlier boots' }];
      case 'kernel_interface':
        return access.writable
          ? [{ ...toKernel, mechanism: 'kernel-interface', detail: 'names the next major frame' }]
          : [];
      default:
        return [];
    }
  });
}

/** Devices of one domain that belong to different subjects reach each other's DMA memory. */
function insideDomains(parties: FlowParties, actors: ReadonlyMap<string, readonly string[]>): FlowStatement[] {
  return parties.document.deviceDomains.flatMap(domain => {
    const writable = domain.memory.filter(mapping => mapping.writable);
    if (writable.length === 0) return [];
    const owners = actors.get(parties.domainIds.get(domain.name)!) ?? [];
    const lines = [
      ...domain.devices.map(device => policyLine(device)),
      ...writable.map(mapping => policyLine(mapping)),
    ];
    return owners.flatMap(from =>
      owners
        .filter(to => !sameFamily(parties, from, to))
        .map(
          (to): FlowStatement => ({
            from,
            to,
            mechanism: 'device-domain',
            via: domain.name,
            lines,
            detail: 'devices of both share a domain',
          }),
        ),
    );
  });
}
