import { expect, test } from 'vitest';
import type { SubjectInfo } from '../../../../src/impl/genode/instance/subject-info.ts';
import { VCPU_EXCEPTION_HANDLER, type VmState, vmService } from '../../../../src/impl/genode/services/vm.ts';
import { ServiceBench } from '../../../../src/refinement/services/service-bench.ts';

const EMPTY: SubjectInfo = {
  name: 'vmm',
  tscKhz: 1000,
  announced: 0,
  read: 0,
  memory: [],
  deviceMemory: [],
  events: [],
  vectors: [],
  devices: [],
};
const STATE = {
  name: 'monitor_state',
  address: 0xf_0000_0000,
  sizeBytes: 0x1000,
  isWritable: true,
  isExecutable: false,
};
const INFO: SubjectInfo = {
  ...EMPTY,
  memory: [STATE],
  events: [{ name: 'resume_guest_vm', value: 1 }],
  vectors: [{ name: 'trap_to_base_hw', value: 200 }],
};

const first = (run: ServiceBench<VmState>, session: number, name: string): number =>
  Number((run.call(session, name, 0) as readonly unknown[])[0]);

test('a subject without a guest has no VM service', () => {
  expect(new ServiceBench(vmService(EMPTY)).open(1, 'vmm')).toBe('DENIED');
  expect(new ServiceBench(vmService({ ...INFO, memory: [{ ...STATE, isWritable: false }] })).open(1, 'vmm')).toBe(
    'DENIED',
  );
});

test('the guest runs by its event, and each return is signalled once', () => {
  const run = new ServiceBench(vmService(INFO));
  run.open(1, 'vmm');
  const vcpu = first(run, 1, 'create_vcpu');
  expect(run.devices.get(first(run, vcpu, 'cpu_state'))).toBe(`${STATE.address} ${STATE.sizeBytes}`);
  run.call(vcpu, 'exception_handler', 1);
  run.interrupt(200);
  expect(run.signals).toEqual([]);
  for (const vector of [200, 32]) {
    run.call(vcpu, 'run');
    run.interrupt(vector);
    run.interrupt(49);
  }
  expect(run.core.raised).toEqual([1, 1]);
  const told = { session: vcpu, opcode: VCPU_EXCEPTION_HANDLER };
  expect(run.signals).toEqual([told, told]);
});

test('there is one processor, and memory is the policy of the system', () => {
  const run = new ServiceBench(vmService(INFO));
  run.open(1, 'vmm');
  run.open(2, 'other');
  first(run, 1, 'create_vcpu');
  expect(run.call(2, 'create_vcpu', 0)).toBe('DENIED');
  expect(run.call(1, 'attach', 0, 0n, 0n, 0n, 0, 0n, 0, 0)).toEqual([]);
  expect(run.call(1, 'attach_pic', 0n)).toBe('INVALID_DATASPACE');
  run.close(1);
  expect(typeof run.call(2, 'create_vcpu', 0)).toBe('object');
});
