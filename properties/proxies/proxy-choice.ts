import type { CheckContext } from '../../src/engine/property.ts';
import { placeOf } from '../../src/refinement/channel-access.ts';
import type { Workbench } from '../workbench.ts';

type GivenParameters = Readonly<Record<string, string | number>>;

/** A pair of LOG proxies of a scenario, with the parameters that its policy fixes. */
export interface ProxyChoice {
  readonly client: string;
  readonly server: string;
  readonly clientParameters: GivenParameters;
  readonly serverParameters: GivenParameters;
  /** Address of the channel's header at the client. */
  readonly address: number;
  /** Bytes of the channel's region from the header on. */
  readonly sizeBytes: number;
  readonly labels: readonly string[];
  readonly sleepEvent: number | undefined;
  readonly yieldEvent: number | undefined;
}

/** Channel header and one element of a LOG message. */
export const SMALLEST_BYTES = 64 + 256;

/** Pairs of LOG proxies in a scenario that meet on one channel. */
export function proxyChoices(context: CheckContext, found: Workbench): readonly ProxyChoice[] {
  const rows = (software: string) => context.software.filter(row => row.software === software);
  return rows('log-proxy-client').flatMap(client =>
    rows('log-proxy-server').flatMap(server => {
      const address = addressOf(client.parameters.address);
      const from = placeOf(context.document, client.subject, address);
      const to = placeOf(context.document, server.subject, addressOf(server.parameters.address));
      if (from === undefined || to === undefined || from.physicalAddress !== to.physicalAddress) return [];
      const sizeBytes = from.region.sizeBytes - (from.physicalAddress - from.region.physicalAddress);
      if (sizeBytes < SMALLEST_BYTES) return [];
      return [
        {
          client: client.subject,
          server: server.subject,
          clientParameters: client.parameters,
          serverParameters: server.parameters,
          address,
          sizeBytes,
          labels: String(client.parameters.labels ?? 'app0,app1').split(','),
          sleepEvent: actionOf(found, server.subject, 'subject_sleep'),
          yieldEvent: actionOf(found, server.subject, 'subject_yield'),
        },
      ];
    }),
  );
}

/** Scenarios write addresses as numbers or as text with digit groups. */
const addressOf = (value: string | number | undefined): number => Number(String(value ?? '').replaceAll('_', ''));

const actionOf = ({ vocabularies }: Workbench, subject: string, action: string): number | undefined =>
  vocabularies.find(row => row.subject === subject)?.vmcalls.find(call => call.action === action)?.number;

/** Parameters without some names. */
export const without = (parameters: GivenParameters, names: readonly string[]): GivenParameters =>
  Object.fromEntries(Object.entries(parameters).filter(([name]) => !names.includes(name)));
