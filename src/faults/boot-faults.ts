import { PROCESSOR_CHECKS, runInitChecks } from '../impl/muen/init-checks.ts';
import { AtomicAccess } from '../impl/muen/kernel-context.ts';
import { Invalidate, IommuRegister } from '../impl/platform/iommu.ts';
import type { Fault } from './fault.ts';
import { nothing, seamFaults } from './fault-parts.ts';

const DEVICES = 'boot/devices-confined';
const CHECKS = 'boot/start-up-checks';

/** Defects of the kernel's start: checks, VT-d, interrupt routes, meeting of the CPUs. */
export const BOOT_FAULTS: readonly Fault[] = seamFaults('kernel', [
  {
    id: 'paging-check-tests-pe',
    title: 'the start-up check of CR0.PG tests CR0.PE',
    precedent: 'Muen dcbf5cedf (2016-05): CR0.PG flag number 0 instead of 31',
    killedBy: [CHECKS],
    replace: () => ({
      runInitChecks(processor, units) {
        const checks = PROCESSOR_CHECKS.map(check =>
          check.id === 'paging' ? { ...check, passes: ({ cr0 }: { readonly cr0: number }) => (cr0 & 1) !== 0 } : check,
        );
        return runInitChecks(processor, units, checks);
      },
    }),
  },
  {
    id: 'fault-offset-unchecked',
    title: 'the places of the fault-recording registers are taken from the policy unchecked',
    precedent: 'XSA-373 (CVE-2021-28692): behaviour of the IOMMU was assumed where it must be checked',
    killedBy: [CHECKS],
    replace: ops => ({
      runInitChecks(processor, units) {
        const results = ops.runInitChecks(processor, units);
        return { ...results, iommus: results.iommus.map(bits => bits | 0x40) };
      },
    }),
  },
  {
    id: 'queued-invalidation-left-on',
    title: 'queued invalidation that the firmware has enabled stays on',
    precedent: 'Muen 124d6cddd (2019-07): queued invalidation left enabled',
    killedBy: [DEVICES],
    replace: () => ({ disableQueuedInvalidation: nothing }),
  },
  {
    id: 'global-invalidation-unchecked',
    title: 'the kernel does not wait for the global invalidation of the context cache to be reported done',
    precedent: 'Muen 1af62eb29 (2016-04): completion of a global invalidation not asserted',
    killedBy: [DEVICES],
    replace: () => ({
      invalidateContextCache(_kernel, _cpu, unit) {
        const high = IommuRegister.contextCommand + 4;
        unit.write(high, (Invalidate.contextExecute | Invalidate.contextGlobal) >>> 0);
        return nothing();
      },
    }),
  },
  {
    id: 'command-from-undefined-reads',
    title:
      'global commands are built from the command register, whose reads are undefined, so that earlier ones are undone',
    precedent: 'Muen d873db2e2 (2014-09): read-modify-write of the global command register',
    killedBy: [DEVICES],
    replace: () => ({
      issueIommuCommand(unit, bit, isOn) {
        const read = unit.read(IommuRegister.globalCommand);
        unit.write(IommuRegister.globalCommand, (isOn ? read | bit : read & ~bit) >>> 0);
      },
    }),
  },
  {
    id: 'iotlb-not-invalidated',
    title: 'DMA translation is enabled with whatever the IOTLB holds',
    precedent: 'XSA-77 (CVE-2013-6400): flushes of the IOMMU TLB were suppressed',
    killedBy: [DEVICES],
    replace: () => ({ invalidateIotlb: nothing }),
  },
  {
    id: 'io-apic-before-vtd',
    title: 'interrupt lines are opened before interrupt remapping is on',
    precedent: 'Muen 4e5a14712 (2017-06): I/O APIC set up before VT-d',
    killedBy: [DEVICES],
    replace: () => ({
      *initDevices(kernel, bsp) {
        kernel.ops.setupIoApic(kernel);
        yield* kernel.ops.initVtd(kernel, bsp);
      },
    }),
  },
  {
    id: 'barrier-arrival-not-atomic',
    title: 'a CPU reads the count of a barrier and writes it back later, so that two arrivals can count as one',
    precedent: 'XSA-343 (CVE-2020-25599): unlocked updates of shared state race with each other',
    killedBy: ['boot/any-order'],
    replace: () => ({
      *waitBarrier(kernel, _cpu, barrier) {
        const { memory, at } = kernel;
        const [size, sense, count] = [0, 1, 2].map(word => at.barrierBase + 4 * barrier + word) as [
          number,
          number,
          number,
        ];
        yield AtomicAccess.barrierRead;
        const target = 1 - memory.readWord(at.globalSlot, sense);
        yield AtomicAccess.barrierAdd;
        const arrived = memory.readWord(at.globalSlot, count) + 1;
        yield AtomicAccess.barrierAdd;
        memory.writeWord(at.globalSlot, count, arrived);
        if (arrived === memory.readWord(at.globalSlot, size)) {
          yield AtomicAccess.barrierReset;
          memory.writeWord(at.globalSlot, count, 0);
          yield AtomicAccess.barrierRelease;
          memory.writeWord(at.globalSlot, sense, target);
          return;
        }
        while (memory.readWord(at.globalSlot, sense) !== target) yield AtomicAccess.barrierSpin;
      },
    }),
  },
]);
