import { describe, expect, test } from 'vitest';
import { framebufferService } from '../../../../src/impl/genode/services/framebuffer.ts';
import { nicBridgeService } from '../../../../src/impl/genode/services/nic-bridge.ts';
import { serviceOps } from '../../../../src/impl/genode/services/service-ops.ts';
import { configElement, made } from '../../../../src/refinement/services/config-element.ts';
import { ServiceBench } from '../../../../src/refinement/services/service-bench.ts';

const bridge = (text: string) => nicBridgeService(configElement(text), serviceOps);

describe('Nic and Uplink', () => {
  test('addresses come from the policy or from the base, and are given out once', () => {
    const bench = new ServiceBench(
      made(
        bridge(
          '<config mac="02:aa:00:00:00:00"><policy label="web" mac="02:00:00:00:00:07"/><policy label_prefix="app"/></config>',
        ),
      ),
    );
    expect(bench.open(1, 'web')).toBeUndefined();
    expect(bench.call(1, 'mac_address')).toEqual([[2, 0, 0, 0, 0, 7]]);
    expect(bench.open(2, 'web')).toBe('DENIED');
    expect(bench.open(3, 'app one')).toBeUndefined();
    expect(bench.call(3, 'mac_address')).toEqual([[2, 0xaa, 0, 0, 0, 1]]);
    expect(bench.open(4, 'stranger')).toBe('DENIED');
    expect(bench.call(1, 'link_state')).toEqual([0]);
  });
  test('there is one driver, and it says its address', () => {
    const bench = new ServiceBench(made(bridge('<config><default-policy/></config>')));
    expect(bench.open(1, 'driver', { mac_address: 'nonsense' }, 'Uplink')).toBe('DENIED');
    expect(bench.open(2, 'driver', { mac_address: '"52:54:00:12:34:56"' }, 'Uplink')).toBeUndefined();
    expect(bench.open(3, 'driver', { mac_address: '52:54:00:12:34:57' }, 'Uplink')).toBe('DENIED');
  });
  test.each(['<config mac="03:00:00:00:00:00"/>', '<config mac="02:00"/>'])('refuses %s', text => {
    expect(bridge(text)).toMatchObject({ ok: false });
  });
});

describe('Framebuffer', () => {
  test('has one client, and tells its mode', () => {
    const bench = new ServiceBench(
      made(framebufferService(configElement('<config width="10" height="4"/>'), serviceOps)),
    );
    expect(bench.open(1, 'app')).toBeUndefined();
    expect(bench.open(2, 'other')).toBe('DENIED');
    expect(bench.call(1, 'mode')).toEqual([10, 4, 0]);
    bench.close(1);
    expect(bench.open(2, 'other')).toBeUndefined();
  });
  test('refuses a mode without pixels', () => {
    expect(framebufferService(configElement('<config width="0"/>'), serviceOps)).toMatchObject({ ok: false });
  });
});
