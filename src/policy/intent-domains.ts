import type { DeviceDomain, MemoryMapping, MemoryRegion, Subject } from './document.ts';
import type { Finding } from './finding.ts';
import type { HeldMapping, IntentFacts, Judgement } from './intent-facts.ts';
import { finding, hasOnlyConfiguration, quoted, rights, unexplained } from './intent-facts.ts';
import { isKernelMemory } from './intent-memory.ts';
import type { ExplanationRule } from './intent-rules.ts';

/** Judges the memory of all device domains: what a device may reach by DMA must be what its subject maps. */
export function judgeDomains(facts: IntentFacts): Judgement[] {
  return facts.document.deviceDomains.flatMap(domain => [
    ...domain.memory.flatMap(mapping => {
      const region = facts.regions.get(mapping.physical);
      return region ? [judgeDomainMapping(facts, domain, mapping, region)] : [];
    }),
    unexplained(...sharedDomain(facts, domain)),
  ]);
}

function judgeDomainMapping(
  facts: IntentFacts,
  domain: DeviceDomain,
  mapping: MemoryMapping,
  region: MemoryRegion,
): Judgement {
  const what = `device domain ${quoted(domain.name)} maps ${quoted(region.name)} (line ${region.at.line}) ${rights(mapping)} as ${quoted(mapping.logical)} (line ${mapping.at.line})`;
  if (isKernelMemory(region.type) || region.type === 'kernel_interface') {
    return unexplained(finding('INTENT-KERNEL-MEMORY', mapping.at, `${what}, memory of type ${region.type}`));
  }
  if (region.type === 'device_rmrr') return judgeReserved(facts, domain, mapping, region, what);
  const owners = facts.ownersOfDomain(domain);
  const users = usersAmong(facts, region.name, owners);
  if (users.length === 0) return judgeForeign(facts, domain, mapping, region, what);
  if (mapping.writable && !users.some(held => held.mapping.writable)) {
    return unexplained(finding('INTENT-DOMAIN-WRITES', mapping.at, `${what}, but ${listed(users)} maps it read-only`));
  }
  return explained('domain-memory', domain, mapping, region, `mapped by ${listed(users)}`);
}

/** No subject of the domain's devices maps the region: explained only as the memory of a peer that the domain already serves. */
function judgeForeign(
  facts: IntentFacts,
  domain: DeviceDomain,
  mapping: MemoryMapping,
  region: MemoryRegion,
  what: string,
): Judgement {
  const owners = facts.ownersOfDomain(domain);
  const users = facts.heldByRegion.get(region.name) ?? [];
  const writable = !mapping.writable || users.some(held => held.mapping.writable);
  for (const shared of domain.memory) {
    const peers = usersAmong(
      facts,
      shared.physical,
      users.map(held => held.holder),
    );
    if (!writable || peers.length === 0 || usersAmong(facts, shared.physical, owners).length === 0) continue;
    const text = `memory of ${listed(peers)}, which shares ${quoted(shared.physical)} (line ${shared.at.line}) with this domain and its subjects`;
    return explained('domain-peer', domain, mapping, region, text);
  }
  const whose =
    owners.length === 0 ? 'no subject' : `${owners.map(owner => quoted(owner.name)).join(', ')}, which do not map it`;
  const by = users.length === 0 ? '' : `; it is mapped by ${listed(users)}`;
  return unexplained(finding('INTENT-DOMAIN-REGION', mapping.at, `${what}, but its devices belong to ${whose}${by}`));
}

function usersAmong(facts: IntentFacts, region: string, candidates: readonly Subject[]): HeldMapping[] {
  return (facts.heldByRegion.get(region) ?? []).filter(held => candidates.includes(held.holder));
}

function listed(users: readonly HeldMapping[]): string {
  return users.map(held => `${quoted(held.holder.name)} (line ${held.mapping.at.line})`).join(', ');
}

function judgeReserved(
  facts: IntentFacts,
  domain: DeviceDomain,
  mapping: MemoryMapping,
  region: MemoryRegion,
  what: string,
): Judgement {
  const others = facts.document.deviceDomains.filter(
    other => other !== domain && other.memory.some(candidate => candidate.physical === region.name),
  );
  if (others.length > 0) {
    const names = others.map(other => `${quoted(other.name)} (line ${other.at.line})`).join(', ');
    return unexplained(finding('INTENT-RESERVED-MEMORY', mapping.at, `${what}, which ${names} maps too`));
  }
  const declared = [...facts.devices.values()].filter(device =>
    device.reservedMemory.some(({ ref }) => ref === region.name),
  );
  const own = declared.find(device => domain.devices.some(candidate => candidate.physical === device.name));
  if (declared.length > 0 && !own) {
    const names = declared.map(device => `${quoted(device.name)} (line ${device.at.line})`).join(', ');
    return unexplained(finding('INTENT-RESERVED-MEMORY', mapping.at, `${what}, which is reserved for ${names}`));
  }
  if (mapping.virtualAddress !== region.physicalAddress) {
    return unexplained(finding('INTENT-RESERVED-MEMORY', mapping.at, `${what}, but not at its physical address`));
  }
  const text = own
    ? `reserved for ${quoted(own.name)} (line ${own.at.line})`
    : 'mapped at its physical address, by no other domain';
  return explained('reserved-memory', domain, mapping, region, text);
}

function explained(
  rule: ExplanationRule,
  domain: DeviceDomain,
  mapping: MemoryMapping,
  region: MemoryRegion,
  text: string,
): Judgement {
  const place = { line: mapping.at.line, resourceLine: region.at.line };
  const names = { holder: domain.name, logical: mapping.logical, resource: region.name };
  return { explained: [{ rule, inferred: true, ...names, ...place, text }], findings: [] };
}

/**
 * A subject whose device shares a domain with another's device reaches, by DMA, what only the other maps.
 * A device manager, which has only the configuration space, starts no DMA.
 */
function sharedDomain(facts: IntentFacts, domain: DeviceDomain): Finding[] {
  const devices = new Set(domain.devices.map(device => device.physical));
  return facts.ownersOfDomain(domain).flatMap(owner => {
    if (owner.devices.every(device => !devices.has(device.physical) || hasOnlyConfiguration(device))) return [];
    const family = facts.familyOf(owner.name);
    const foreign = domain.memory.filter(mapping => {
      const users = facts.heldByRegion.get(mapping.physical) ?? [];
      return users.length > 0 && !users.some(held => facts.familyOf(held.holder.name) === family);
    });
    if (foreign.length === 0) return [];
    const regions = foreign.map(mapping => `${quoted(mapping.physical)} (line ${mapping.at.line})`).join(', ');
    const message = `the devices of ${quoted(owner.name)} (line ${owner.at.line}) in domain ${quoted(domain.name)} reach ${regions}, which it does not map`;
    return [finding('INTENT-SHARED-DOMAIN', domain.at, message)];
  });
}
