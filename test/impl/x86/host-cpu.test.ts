import { describe, expect, it } from 'vitest';
import { INSTRUCTIONS } from '../../../src/impl/x86/table.ts';
import { campaign, describeSnippet } from '../../oracle/host-campaign.ts';
import { buildHostCpu } from '../../oracle/host-oracle.ts';
import { excludedFromHost } from '../../oracle/snippet.ts';

const SNIPPETS = process.env.MUENCHECK_BUDGET === 'deep' ? 1_000_000 : 20_000;
const host = buildHostCpu();

describe('the CPU of the host', () => {
  it.skipIf('reason' in host)(
    `agrees on random instructions of every user row${'reason' in host ? ` (${host.reason})` : ''}`,
    () => {
      if ('reason' in host) return;
      const result = campaign(host.path, 1, SNIPPETS, 20_000);
      const differing = result.mismatches.map(
        ({ snippet, differences }) => `${describeSnippet(snippet)}: ${differences.join('; ')}`,
      );
      expect(differing).toEqual([]);
      const rows = INSTRUCTIONS.filter(row => [32, 64].some(bits => excludedFromHost(row, bits) === undefined));
      expect(rows.filter(row => !result.byRow.has(row.id)).map(row => `${row.mnemonic} ${row.encoding}`)).toEqual([]);
    },
  );
});
