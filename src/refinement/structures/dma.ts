import type { PhysicalMemory } from '../../impl/memory.ts';
import { readContextTables } from '../../impl/vtd/contexts.ts';
import { dmaAddressBits, dmaGrants, dmaSources } from '../../model/dma-grants.ts';
import type { DeviceDomain, PolicyDocument } from '../../policy/document.ts';
import { type Hpa, hpa } from '../../units/address.ts';
import { checkSpace } from '../spatial.ts';
import { createAtlas } from '../spatial-atlas.ts';
import { regionAddress, type StructureReport, structureReport } from './report.ts';

/** Tables that the devices of a domain really use: as their context entries say, and the domain's own if none does. */
function rootsOf(
  memory: PhysicalMemory,
  document: PolicyDocument,
  domain: DeviceDomain,
): readonly { readonly root: Hpa; readonly levels: 3 | 4 }[] {
  const own = { root: regionAddress(document, `vtd_${domain.name}_pt`) ?? hpa(0), levels: dmaLevels(document) };
  const { entries } = readContextTables(memory, regionAddress(document, 'vtd_root') ?? hpa(0));
  const used = dmaSources(document)
    .filter(source => source.domain === domain)
    .flatMap(source =>
      entries.filter(
        entry => entry.bus === source.bus && entry.device === source.device && entry.function === source.function,
      ),
    )
    .filter(entry => entry.defect === '' && entry.translationType < 2)
    .map(entry => ({ root: entry.tables, levels: entry.levels === 4 ? (4 as const) : (3 as const) }));
  const roots = [own, ...used];
  return roots.filter(
    (root, index) => roots.findIndex(other => other.root === root.root && other.levels === root.levels) === index,
  );
}

const dmaLevels = (document: PolicyDocument): 3 | 4 => (dmaAddressBits(document) === 48 ? 4 : 3);

/** Compares everything that the devices of a domain reach by DMA with the memory that the policy gives the domain. */
export function checkDma(memory: PhysicalMemory, document: PolicyDocument, domain: DeviceDomain): StructureReport {
  const region = document.memory.find(({ name }) => name === `vtd_${domain.name}_pt`);
  const atlas = createAtlas(document);
  const reports = rootsOf(memory, document, domain).map(({ root, levels }) =>
    checkSpace(memory, atlas, {
      holder: `device domain '${domain.name}'`,
      holderKind: 'domain',
      space: {
        kind: 'dma',
        root,
        levels,
        region: { physicalAddress: hpa(region?.physicalAddress ?? 0), sizeBytes: region?.sizeBytes ?? 0 },
      },
      grants: dmaGrants(document, domain),
    }),
  );
  const sum = (of: (report: (typeof reports)[number]) => number): number =>
    reports.reduce((total, report) => total + of(report), 0);
  return structureReport(
    reports.flatMap(report => report.differences),
    {
      entries: sum(report => report.leafCount),
      tables: sum(report => report.tableCount),
      seen: { 'dma-page': sum(report => report.pages) },
    },
    sum(report => report.differenceCount),
  );
}
