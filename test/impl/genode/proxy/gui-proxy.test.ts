import { expect, test } from 'vitest';
import { genodeOps } from '../../../../src/impl/genode/core/genode-ops.ts';
import { notProxyable, subSessionOf } from '../../../../src/impl/genode/proxy/message.ts';
import { interfaceNamed } from '../../../../src/impl/genode/services/interfaces.ts';
import { channelOps } from '../../../../src/impl/native/muchannel.ts';
import { createBench } from '../../../../src/refinement/genode/instance-bench.ts';

const FRAMES = 4400;
const OPS = { genode: genodeOps, channel: channelOps };
const ROUTES = `<parent-provides><service name="LOG"/><service name="ROM"/></parent-provides>
  <default-route><any-service><parent/><any-child/></any-service></default-route><default caps="200" ram="384K"/>`;
const PROVIDES = '<provides><service name="Gui"/></provides>';
const LINK = '<config link="link" peer="apps"><service name="Gui"/></config>';
const NITPICKER = `<start name="nitpicker">${PROVIDES}<config width="16" height="8" period_us="40000">
  <abs-motion x="2" y="1"/><press code="272"/><release code="272"/><press code="30"/><release code="30"/></config></start>`;
const client = (colour: number) => `<start name="gui_tester"><config colour="${colour}"/></start>`;

/** Runs instances until nothing new is written for long; what the clients wrote, and the subjects. */
function run(configs: readonly (readonly [string, string])[]) {
  const instances = configs.map(([name, nodes]) => ({ name, config: `<config>${ROUTES}${nodes}</config>` }));
  const bench = createBench(instances, [{ name: 'link', ends: ['apps', 'server'] }], OPS);
  for (let frame = 0; frame < FRAMES; frame++) for (const subject of bench.subjects) bench.frame(subject);
  expect(bench.wrong).toBe('');
  return bench;
}

test('a client behind proxies has pixels on the screen and gets the input that is for it, as beside the window system', () => {
  const local = run([['apps', NITPICKER + client(7)]]);
  const remote = run([
    ['apps', `<start name="proxy"><binary name="proxy_client"/>${PROVIDES}${LINK}</start>${client(7)}`],
    ['server', `${NITPICKER}<start name="proxy"><binary name="proxy_server"/>${LINK}</start>`],
  ]);
  const said = local.lines(local.find('apps')!);
  expect(said).toContain('[init -> gui_tester] view of 8x4 pixels shown');
  expect(said).toContain('[init -> gui_tester] input press 30 0, pixel 7');
  expect(remote.lines(remote.find('apps')!)).toEqual(said);
  const ram = remote.find('server')!.named('ram')!.bytes;
  // A row of the view on the screen: eight pixels of its colour, then eight black ones.
  const row = [...new Array(32).fill(7), ...new Array(32).fill(0)];
  expect(Buffer.from(ram).includes(Buffer.from(row))).toBe(true);
});

test('sub-sessions are opened at the peer; views do not leave their instance', () => {
  const face = interfaceNamed('Gui');
  const outcome = Object.fromEntries(
    face.functions.map((called, opcode) => [
      called.name,
      subSessionOf(face, called)?.service ?? notProxyable(face, opcode),
    ]),
  );
  expect(outcome).toMatchObject({
    framebuffer: 'Framebuffer',
    input: 'Input',
    info: 'ROM',
    view: '',
    execute: '',
    associate: 'Gui.associate passes a capability',
    view_capability: 'Gui.view_capability passes a capability',
    focus: 'Gui.focus passes a capability',
  });
  expect(subSessionOf(interfaceNamed('PD'), interfaceNamed('PD').functions[12]!)).toBeUndefined();
});
