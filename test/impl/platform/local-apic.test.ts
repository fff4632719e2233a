import { describe, expect, it } from 'vitest';
import { DirectApicBus } from '../../../src/impl/platform/apic-bus.ts';
import { ApicRegister, LocalApic } from '../../../src/impl/platform/local-apic.ts';

/** Three enabled APICs on one bus. */
function three(): LocalApic[] {
  const bus = new DirectApicBus();
  return [0, 1, 2].map(id => {
    const apic = new LocalApic(id, bus);
    bus.connect(apic);
    apic.write(ApicRegister.spurious, 0x1ff, 0);
    return apic;
  });
}

const send = (from: LocalApic, low: number, destination = 0): void => {
  from.write(ApicRegister.icrHigh, destination << 24, 0);
  from.write(ApicRegister.icrLow, low, 0);
};

describe('local APIC', () => {
  it('delivers the highest vector above the processor priority, and the next one after its end', () => {
    const [apic] = three() as [LocalApic];
    for (const vector of [0x31, 0x52, 0x40]) send(apic, 0x4_0000 | vector);
    expect(apic.acknowledge(0)).toBe(0x52);
    expect(apic.processorPriority).toBe(0x50);
    expect(apic.pendingVector(0)).toBe(-1);
    send(apic, 0x4_0000 | 0x61);
    expect(apic.acknowledge(0)).toBe(0x61);
    apic.write(ApicRegister.eoi, 0, 0);
    apic.write(ApicRegister.eoi, 0, 0);
    expect(apic.acknowledge(0)).toBe(0x40);
    apic.write(ApicRegister.eoi, 0, 0);
    apic.taskPriority = 3;
    expect(apic.pendingVector(0)).toBe(-1);
    apic.taskPriority = 2;
    expect(apic.pendingVector(0)).toBe(0x31);
  });

  it('gives the spurious vector when nothing is left, and nothing while it is disabled by software', () => {
    const [apic] = three() as [LocalApic];
    expect(apic.acknowledge(0)).toBe(0xff);
    send(apic, 0x4_0000 | 0x40);
    apic.write(ApicRegister.spurious, 0xff, 0);
    expect(apic.pendingVector(0)).toBe(-1);
  });

  it.each([
    ['one physical destination', 0x40, 2, [false, false, true]],
    ['all', 0x8_0040, 0, [true, true, true]],
    ['all but self', 0xc_0040, 0, [false, true, true]],
    ['self', 0x4_0040, 0, [true, false, false]],
    ['broadcast', 0x40, 0xff, [true, true, true]],
    ['nobody', 0x40, 9, [false, false, false]],
  ])('sends to %s', (_name, low, destination, received) => {
    const apics = three();
    send(apics[0]!, low, destination);
    expect(apics.map(apic => apic.pendingVector(0) === 0x40)).toEqual(received);
  });

  it('matches logical destinations in the flat and in the cluster model', () => {
    const apics = three();
    apics.forEach((apic, index) => {
      apic.write(ApicRegister.logicalDestination, 1 << (24 + index), 0);
    });
    send(apics[0]!, 0x840, 0b110);
    expect(apics.map(apic => apic.pendingVector(0))).toEqual([-1, 0x40, 0x40]);
    apics.forEach((apic, index) => {
      apic.write(ApicRegister.destinationFormat, 0x0fff_ffff, 0);
      apic.write(ApicRegister.logicalDestination, (0x10 | (1 << index)) << 24, 0);
    });
    send(apics[0]!, 0x850, 0x11);
    expect(apics.map(apic => apic.pendingVector(0))).toEqual([0x50, 0x40, 0x40]);
  });

  it('starts another processor by INIT and SIPI, and ignores a de-assert', () => {
    const apics = three();
    send(apics[0]!, 0x8500, 1);
    expect(apics[1]!.isInitPending).toBe(false);
    send(apics[0]!, 0xc500, 1);
    send(apics[0]!, 0x0608, 1);
    expect([apics[1]!.isInitPending, apics[1]!.startVector]).toEqual([true, 8]);
    send(apics[0]!, 0x0400, 2);
    expect(apics[2]!.isNmiPending).toBe(true);
  });

  it('gives a lowest-priority interrupt to the processor with the lowest priority', () => {
    const apics = three();
    apics[0]!.taskPriority = 5;
    apics[1]!.taskPriority = 2;
    apics[2]!.taskPriority = 3;
    send(apics[0]!, 0x8_0150);
    expect(apics.map(apic => apic.pendingVector(0))).toEqual([-1, 0x50, -1]);
  });

  it('counts its timer down by the divide configuration, once or periodically', () => {
    const [apic] = three() as [LocalApic];
    apic.write(ApicRegister.timerDivide, 0xb, 0);
    apic.write(ApicRegister.lvtTimer, 0x60, 0);
    apic.write(ApicRegister.timerInitial, 100, 1000);
    expect(apic.read(ApicRegister.timerCurrent, 1040)).toBe(60);
    expect(apic.pendingVector(1099)).toBe(-1);
    expect(apic.pendingVector(1100)).toBe(0x60);
    expect(apic.timerDeadline).toBe(Number.POSITIVE_INFINITY);
    apic.acknowledge(1100);
    apic.write(ApicRegister.eoi, 0, 1100);
    apic.write(ApicRegister.timerDivide, 0, 1100);
    apic.write(ApicRegister.lvtTimer, 0x2_0060, 1100);
    apic.write(ApicRegister.timerInitial, 100, 2000);
    expect(apic.pendingVector(2199)).toBe(-1);
    expect(apic.acknowledge(2450)).toBe(0x60);
    expect(apic.timerDeadline).toBe(2600);
  });

  it('notes illegal vectors and registers in the error status, which a write latches', () => {
    const [apic] = three() as [LocalApic];
    send(apic, 0x4_0005);
    expect(apic.write(0x40, 0, 0)).toBe(false);
    expect(apic.read(ApicRegister.errorStatus, 0)).toBe(0);
    apic.write(ApicRegister.errorStatus, 0, 0);
    expect(apic.read(ApicRegister.errorStatus, 0)).toBe(0xa0);
  });
});
