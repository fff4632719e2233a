import { expect, test } from 'vitest';
import { genodeOps } from '../../../src/impl/genode/core/genode-ops.ts';
import { channelOps } from '../../../src/impl/native/muchannel.ts';
import { createBench } from '../../../src/refinement/genode/instance-bench.ts';

const FRAMES = 1200;
/** Frames in which the server's instance does not run yet. */
const LATE_FRAMES = 400;
const ROUTES = `<parent-provides><service name="LOG"/><service name="ROM"/></parent-provides>
  <default-route><any-service><parent/><any-child/></any-service></default-route><default caps="200" ram="384K"/>`;
const LINK = '<config link="link" peer="apps"><service name="LOG"/></config>';

test('log_writer loses no line to a LOG session that opens long after its timer', () => {
  const apps = `<config>${ROUTES}<start name="timer"><provides><service name="Timer"/></provides></start>
    <start name="log_writer"><route><service name="LOG" label="far"><child name="proxy"/></service>
      <any-service><parent/><any-child/></any-service></route><config label="far" count="4" period_ms="1"/></start>
    <start name="proxy"><binary name="proxy_client"/><provides><service name="LOG"/></provides>${LINK}</start></config>`;
  const server = `<config>${ROUTES}<start name="proxy"><binary name="proxy_server"/>${LINK}</start></config>`;
  const ops = { genode: genodeOps, channel: channelOps };
  const instances = [
    { name: 'apps', config: apps },
    { name: 'server', config: server },
  ];
  const bench = createBench(instances, [{ name: 'link', ends: ['apps', 'server'] }], ops);
  const [client, late] = [bench.find('apps')!, bench.find('server')!];
  for (let frame = 0; frame < FRAMES; frame++) {
    bench.frame(client);
    if (frame >= LATE_FRAMES) bench.frame(late);
  }
  expect(bench.lines(late)).toEqual(
    [1, 2, 3, 4].map(line => `[init -> proxy -> apps -> log_writer -> far] line ${line}`),
  );
});
