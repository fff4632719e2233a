import { expect, test } from 'vitest';
import { interfaceNamed } from '../../../src/impl/genode/services/interfaces.ts';
import { defaultSeams } from '../../../src/impl/seams.ts';
import { createBench } from '../../../src/refinement/genode/instance-bench.ts';
import { clientState, isAtEnd, remoteConfigs } from '../../../src/refinement/genode/proxied-service-script.ts';
import { type ClientAction, scriptClient } from '../../../src/refinement/genode/script-client.ts';

const PACKETS = 24;

/** The proxy at the client lends the peer sixteen packets at a time: the others follow when some come back. */
test('more packets at once than a proxy lends its peer all come back', () => {
  const block = { service: 'Block', binary: 'ram_block', config: '<config size="4096"/>', timed: [] };
  const actions: ClientAction[] = [
    { kind: 'open', label: 'a', args: { tx_buf_size: '131072' } },
    { kind: 'call', opcode: 1, values: [], fill: 0 },
    { kind: 'packet', bytes: new Uint8Array(512).fill(7), more: [1, 0, 0, 0, 1, 0], count: PACKETS },
  ];
  const [client, server] = remoteConfigs(block);
  const programs = [scriptClient(interfaceNamed('Block'), actions, [])];
  const instances = [
    { name: 'apps', config: client, programs },
    { name: 'server', config: server },
  ];
  const bench = createBench(instances, [{ name: 'link', ends: ['apps', 'server'] }], defaultSeams);
  const apps = bench.find('apps')!;
  for (let frame = 0; frame < 4000 && !isAtEnd(apps, actions.length); frame++)
    for (const subject of bench.subjects) bench.frame(subject);
  const packets = clientState(apps)!.seen.filter(text => text.startsWith('packet'));
  expect(packets).toEqual(Array.from({ length: PACKETS }, () => packets[0]));
  expect(packets[0]).toMatch(/^packet 1,0,0,0,1,1 512:/);
});
