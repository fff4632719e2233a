import { expect, test } from 'vitest';
import { genodeOps } from '../../../src/impl/genode/core/genode-ops.ts';
import { notProxyable } from '../../../src/impl/genode/proxy/message.ts';
import { interfaceNamed, SESSION_INTERFACES } from '../../../src/impl/genode/services/interfaces.ts';
import { channelOps } from '../../../src/impl/native/muchannel.ts';
import { PROXIED_CASES } from '../../../src/refinement/genode/proxied-cases.ts';
import { runProxiedServiceScript } from '../../../src/refinement/genode/proxied-service-script.ts';

test('every service that can cross a link is compared with itself behind proxies', () => {
  const proxyable = SESSION_INTERFACES.filter(({ proxy }) => proxy !== 'local').map(({ service }) => service);
  const compared = new Set(PROXIED_CASES.map(({ service }) => service));
  expect(proxyable.filter(service => !compared.has(service))).toEqual([]);
});

test('a function that passes a capability is refused, and says which', () => {
  const gui = interfaceNamed('Gui');
  const focus = gui.functions.findIndex(({ name }) => name === 'focus');
  expect(notProxyable(gui, focus)).toBe('Gui.focus passes a capability');
  expect(notProxyable(interfaceNamed('LOG'), 0)).toBe('');
});

test('a handler that a client takes back may have been signalled before that or not', () => {
  const timer = PROXIED_CASES.findIndex(({ service }) => service === 'Timer');
  const steps = [
    { operation: 'case', operands: [timer] },
    // sigh(1), trigger_once(5), sigh(0)
    { operation: 'call', operands: [2, 1] },
    { operation: 'call', operands: [0, 2] },
    { operation: 'call', operands: [2, 0] },
  ];
  expect(runProxiedServiceScript({ genode: genodeOps, channel: channelOps }, steps).what).toBe('');
});
