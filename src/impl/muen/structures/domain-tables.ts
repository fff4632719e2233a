import type { DeviceDomain, PolicyDocument, PolicyNode } from '../../../policy/document.ts';
import type { Finding } from '../../../policy/finding.ts';
import { hpa } from '../../../units/address.ts';
import type { PhysicalMemory } from '../../memory.ts';
import { type TableError, writeTables } from '../../x86/paging-layout.ts';
import type { StructureOps } from './ops.ts';
import { addressWidth } from './vtd-tables.ts';

function describe(error: TableError): string {
  switch (error.kind) {
    case 'overlap':
      return `'${error.second.name}' overlaps '${error.first.name}'`;
    case 'alignment':
    case 'address-width':
      return `'${error.mapping.name}' is not page-aligned or beyond the address width of the IOMMU`;
    case 'region-too-small':
      return `they need ${error.neededBytes} bytes, the region has ${error.regionBytes}`;
    case 'region-alignment':
      return 'their region is not page-aligned';
    case 'capacity':
      return `they need ${error.neededBytes} bytes, more than the simulated machine has`;
  }
}

function buildOne(
  memory: PhysicalMemory,
  document: PolicyDocument,
  domain: DeviceDomain,
  ops: StructureOps,
): readonly Finding[] {
  const name = `vtd_${domain.name}_pt`;
  const finding = (node: PolicyNode, message: string, hint: string): Finding => ({
    code: 'STRUCTURE-REGION',
    severity: 'error',
    message,
    line: node.at.line,
    column: node.at.column,
    hint,
  });
  const region = document.memory.find(candidate => candidate.name === name);
  if (region === undefined)
    return [
      finding(domain, `there is no memory region '${name}'`, 'expand the policy with mucfgexpand, which adds it'),
    ];
  const bits = addressWidth(document);
  const built = writeTables(
    memory,
    { physicalAddress: hpa(region.physicalAddress), sizeBytes: region.sizeBytes },
    ops.collectDomainMappings(document, domain),
    {
      topLevel: bits === 48 ? 4 : 3,
      addressLimit: 2 ** bits,
      tableIndex: ops.dmaTableIndex,
      encodeLeaf: ops.encodeDmaLeaf,
      encodeTable: ops.encodeDmaTable,
    },
  );
  if (built.ok) return [];
  const message = `the tables of device domain '${domain.name}' cannot be built: ${describe(built.error)}`;
  return [finding(region, message, 'correct the mappings of the domain, or the size of the region')];
}

/** Second-level tables of all device domains (Muen: mugenpt; regions `vtd_<domain>_pt`); the result lists what cannot be built. */
export function buildDomainTables(
  memory: PhysicalMemory,
  document: PolicyDocument,
  ops: StructureOps,
): readonly Finding[] {
  return document.deviceDomains.flatMap(domain => buildOne(memory, document, domain, ops));
}
