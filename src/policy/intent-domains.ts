import type { DeviceDomain, MemoryMapping, MemoryRegion, Subject } from './document.ts';
import type { HeldMapping, IntentFacts, IntentFinding, Judgement } from './intent-facts.ts';
import { finding, hasOnlyConfiguration, rights, unexplained } from './intent-facts.ts';
import { isKernelMemory } from './intent-memory.ts';
import type { ExplanationRule } from './intent-rules.ts';
import type { Sentence } from './intent-text.ts';
import { listOf, quoted, say } from './intent-text.ts';

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
  const what = say`device domain ${quoted(domain.name)} maps ${quoted(region.name)} (${region.at}) ${rights(mapping)} as ${quoted(mapping.logical)} (${mapping.at})`;
  if (isKernelMemory(region.type) || region.type === 'kernel_interface') {
    return unexplained(finding('INTENT-KERNEL-MEMORY', mapping.at, say`${what}, memory of type ${region.type}`));
  }
  if (region.type === 'device_rmrr') return judgeReserved(facts, domain, mapping, region, what);
  const owners = facts.ownersOfDomain(domain);
  const users = usersAmong(facts, region.name, owners);
  if (users.length === 0) return judgeForeign(facts, domain, mapping, region, what);
  if (mapping.writable && !users.some(held => held.mapping.writable)) {
    return unexplained(
      finding('INTENT-DOMAIN-WRITES', mapping.at, say`${what}, but ${listed(users)} maps it read-only`),
    );
  }
  return explained('domain-memory', domain, mapping, region, say`mapped by ${listed(users)}`);
}

/** No subject of the domain's devices maps the region: explained only as the memory of a peer that the domain already serves. */
function judgeForeign(
  facts: IntentFacts,
  domain: DeviceDomain,
  mapping: MemoryMapping,
  region: MemoryRegion,
  what: Sentence,
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
    const text = say`memory of ${listed(peers)}, which shares ${quoted(shared.physical)} (${shared.at}) with this domain and its subjects`;
    return explained('domain-peer', domain, mapping, region, text);
  }
  const whose =
    owners.length === 0 ? 'no subject' : `${owners.map(owner => quoted(owner.name)).join(', ')}, which do not map it`;
  const by = users.length === 0 ? '' : say`; it is mapped by ${listed(users)}`;
  return unexplained(
    finding('INTENT-DOMAIN-REGION', mapping.at, say`${what}, but its devices belong to ${whose}${by}`),
  );
}

function usersAmong(facts: IntentFacts, region: string, candidates: readonly Subject[]): HeldMapping[] {
  return (facts.heldByRegion.get(region) ?? []).filter(held => candidates.includes(held.holder));
}

function listed(users: readonly HeldMapping[]): Sentence {
  return listOf(users.map(held => say`${quoted(held.holder.name)} (${held.mapping.at})`));
}

function judgeReserved(
  facts: IntentFacts,
  domain: DeviceDomain,
  mapping: MemoryMapping,
  region: MemoryRegion,
  what: Sentence,
): Judgement {
  const others = facts.document.deviceDomains.filter(
    other => other !== domain && other.memory.some(candidate => candidate.physical === region.name),
  );
  if (others.length > 0) {
    const names = listOf(others.map(other => say`${quoted(other.name)} (${other.at})`));
    return unexplained(finding('INTENT-RESERVED-MEMORY', mapping.at, say`${what}, which ${names} maps too`));
  }
  const declared = [...facts.devices.values()].filter(device =>
    device.reservedMemory.some(({ ref }) => ref === region.name),
  );
  const own = declared.find(device => domain.devices.some(candidate => candidate.physical === device.name));
  if (declared.length > 0 && !own) {
    const names = listOf(declared.map(device => say`${quoted(device.name)} (${device.at})`));
    return unexplained(finding('INTENT-RESERVED-MEMORY', mapping.at, say`${what}, which is reserved for ${names}`));
  }
  if (mapping.virtualAddress !== region.physicalAddress) {
    return unexplained(finding('INTENT-RESERVED-MEMORY', mapping.at, say`${what}, but not at its physical address`));
  }
  const text = own
    ? say`reserved for ${quoted(own.name)} (${own.at})`
    : say`mapped at its physical address, by no other domain`;
  return explained('reserved-memory', domain, mapping, region, text);
}

function explained(
  rule: ExplanationRule,
  domain: DeviceDomain,
  mapping: MemoryMapping,
  region: MemoryRegion,
  why: Sentence,
): Judgement {
  const place = { line: mapping.at.line, resourceLine: region.at.line };
  const names = { holder: domain.name, logical: mapping.logical, resource: region.name };
  return { explained: [{ rule, inferred: true, ...names, ...place, text: why.text }], findings: [] };
}

/**
 * A subject whose device shares a domain with another's device reaches, by DMA, what only the other maps.
 * A device manager, which has only the configuration space, starts no DMA.
 */
function sharedDomain(facts: IntentFacts, domain: DeviceDomain): IntentFinding[] {
  const devices = new Set(domain.devices.map(device => device.physical));
  return facts.ownersOfDomain(domain).flatMap(owner => {
    if (owner.devices.every(device => !devices.has(device.physical) || hasOnlyConfiguration(device))) return [];
    const family = facts.familyOf(owner.name);
    const foreign = domain.memory.filter(mapping => {
      const users = facts.heldByRegion.get(mapping.physical) ?? [];
      return users.length > 0 && !users.some(held => facts.familyOf(held.holder.name) === family);
    });
    if (foreign.length === 0) return [];
    const regions = listOf(foreign.map(mapping => say`${quoted(mapping.physical)} (${mapping.at})`));
    const message = say`the devices of ${quoted(owner.name)} (${owner.at}) in domain ${quoted(domain.name)} reach ${regions}, which it does not map`;
    return [finding('INTENT-SHARED-DOMAIN', domain.at, message)];
  });
}
