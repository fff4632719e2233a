import { describe, expect, test } from 'vitest';
import { componentOps } from '../../src/impl/components/ops.ts';
import { genodeOps } from '../../src/impl/genode/core/genode-ops.ts';
import { proxyOps } from '../../src/impl/genode/log-ops.ts';
import { channelOps } from '../../src/impl/native/muchannel.ts';
import { createSoftware, SOFTWARE } from '../../src/impl/software.ts';
import { BenchSubject } from './software-bench.ts';

const ops = { channel: channelOps, proxy: proxyOps, genode: genodeOps, component: componentOps };

function errorOf(name: string, parameters: Record<string, number | string>): string {
  const created = createSoftware(name, parameters, ops);
  return created.ok ? '' : created.error;
}

describe('createSoftware', () => {
  test.each([
    ['channel-writer', { address: '0x1000_0000', event: 1 }],
    ['channel-reader', { address: 0x1000 }],
    ['log-proxy-client', { address: 0x1000, event: 1 }],
    ['log-proxy-server', { address: 0x1000, logAddress: 0x2000, logBytes: '0x1000' }],
    ['subject-monitor', { stateAddress: 0x1000, resumeEvent: 4 }],
    ['guest-probe', {}],
    ['major-frame-chooser', { majorFrames: 2 }],
    ['idle', {}],
  ])('%s', (name, parameters) => {
    const created = createSoftware(name, parameters as Record<string, number | string>, ops);
    expect(created).toMatchObject({ ok: true, value: { name } });
  });

  test('the table names what can be created', () => {
    expect(Object.keys(SOFTWARE)).toHaveLength(22);
  });

  test.each([
    ['nothing', {}, 'unknown software nothing'],
    ['constructor', {}, 'unknown software constructor'],
    ['idle', { speed: 1 }, 'unknown parameter speed'],
    ['idle', { halts: 2 }, 'not in 0 .. 1'],
    ['idle', { event: 64 }, 'not in 0 .. 63'],
    ['idle', { pauses: 'many' }, 'not an integer'],
    ['idle', { pauses: 1.5 }, 'not an integer'],
    ['idle', { pauses: '' }, 'not an integer'],
    ['channel-writer', { address: 0x1000 }, 'parameter event is missing'],
    ['channel-reader', {}, 'parameter address is missing'],
    ['channel-reader', { address: 0x1001 }, 'not a multiple of 8'],
    ['channel-reader', { address: 0x1000, elementBytes: 12 }, 'not a multiple of 8'],
    ['channel-reader', { address: '-1' }, 'not an integer'],
    ['channel-reader', { address: 2 ** 53 }, 'not an integer'],
    ['log-proxy-server', { address: 0, logAddress: 0, logBytes: 8 }, 'not in 16'],
    ['log-proxy-server', { address: 0, logAddress: 0, logBytes: 16, peer: 'a\nb' }, 'printable ASCII'],
  ])('%s %j is refused', (name, parameters, message) => {
    expect(errorOf(name, parameters as Record<string, number | string>)).toContain(message);
  });
});

describe('small software', () => {
  const run = (name: string, parameters: Record<string, number | string>, steps: number): string[] => {
    const created = createSoftware(name, parameters, ops);
    if (!created.ok) throw new Error(created.error);
    const subject = new BenchSubject(created.value, []);
    return Array.from({ length: steps }, () => {
      const operation = subject.step();
      return operation?.kind === 'vmcall' ? `vmcall ${operation.low}` : (operation?.kind ?? 'asleep');
    });
  };

  test('idle', () => {
    expect(run('idle', { event: 5, pauses: 2, halts: 1 }, 6)).toEqual([
      'sti',
      'vmcall 5',
      'nop',
      'nop',
      'hlt',
      'asleep',
    ]);
    expect(run('idle', { pauses: 0, halts: 0 }, 3)).toEqual(['sti', 'nop', 'nop']);
  });

  test('guest-probe', () => {
    expect(run('guest-probe', { pauses: 1 }, 4)).toEqual(['rdtsc', 'nop', 'rdtsc', 'nop']);
  });

  test('major-frame-chooser asks for each frame in turn', () => {
    const created = createSoftware('major-frame-chooser', { address: 0x1000, majorFrames: 3, pauses: 1 }, ops);
    if (!created.ok) throw new Error(created.error);
    const page = new Uint8Array(0x1000);
    const tau0 = new BenchSubject(created.value, [{ address: 0x1000, bytes: page, isWritable: true }]);
    const asked = Array.from({ length: 8 }, () => (tau0.step()?.kind === 'write' ? page[0] : -1));
    expect(asked).toEqual([1, -1, 2, -1, 0, -1, 1, -1]);
  });

  test('subject-monitor skips the instruction and resumes; it resets after a failed entry', () => {
    const state = new Uint8Array(0x1000);
    const view = new DataView(state.buffer);
    view.setUint32(128, 16, true);
    view.setUint32(144, 4, true);
    view.setBigUint64(164, 0x1_ffff_fffen, true);
    const created = createSoftware('subject-monitor', { stateAddress: 0x1000, resumeEvent: 4, resetEvent: 5 }, ops);
    if (!created.ok) throw new Error(created.error);
    const monitor = new BenchSubject(created.value, [{ address: 0x1000, bytes: state, isWritable: true }]);
    for (let count = 0; count < 7; count++) monitor.step();
    expect(view.getBigUint64(164, true)).toBe(0x2_0000_0002n);
    expect(monitor.vmcalls).toEqual([4]);
    view.setUint32(128, 0x8000_0021, true);
    for (let count = 0; count < 2; count++) monitor.step();
    expect(monitor.vmcalls).toEqual([4, 5]);
    expect(monitor.faults).toEqual([]);
  });
});
