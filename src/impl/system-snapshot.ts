import type { SubjectId } from '../units/ids.ts';
import { highWord, lowWord } from '../units/word.ts';
import type { Cpu } from './cpu.ts';
import type { HostedSubject } from './hosted-subject.ts';
import type { SavedGuest } from './machine-code/guest-processor.ts';
import type { Platform } from './muen/kernel-context.ts';

interface CpuSnapshot {
  readonly registers: Uint32Array;
  readonly irr: Uint32Array;
  readonly isr: Uint32Array;
  readonly fpu: Uint32Array;
  readonly xcr0: number;
  readonly msrs: Uint32Array;
  readonly tsc: number;
  readonly vmxonAddress: number;
  readonly vmcsSlot: number;
  readonly entryFailureReason: number;
  readonly entryFailureQualification: number;
  readonly mode: number;
  readonly timerDeadlineTsc: number;
}

/** Everything of a system but its physical memory. */
export interface SystemSnapshot {
  readonly cpus: readonly CpuSnapshot[];
  readonly hosted: readonly HostedSubject[];
  readonly platform: { readonly power: Platform['power']; readonly stopReason: string };
  readonly ioApic: Uint32Array;
  /** By IOMMU. */
  readonly iommus: readonly Uint32Array[];
  readonly ports: ReadonlyMap<number, number>;
  /** By CPU: machine code that is under way. */
  readonly guests: readonly (SavedGuest | undefined)[];
}

export function takeSnapshot(
  cpus: readonly Cpu[],
  hosted: readonly HostedSubject[],
  platform: Platform,
  guests: SystemSnapshot['guests'] = [],
): SystemSnapshot {
  const { power, stopReason } = platform;
  return {
    cpus: cpus.map(cpu => ({
      registers: cpu.registers.slice(),
      irr: cpu.irr.slice(),
      isr: cpu.isr.slice(),
      fpu: cpu.fpu.slice(),
      xcr0: cpu.xcr0,
      msrs: cpu.msrs.slice(),
      tsc: cpu.tsc,
      vmxonAddress: cpu.vmxonAddress,
      vmcsSlot: cpu.vmcsSlot,
      entryFailureReason: cpu.entryFailureReason,
      entryFailureQualification: cpu.entryFailureQualification,
      mode: cpu.mode,
      timerDeadlineTsc: cpu.timerDeadlineTsc,
    })),
    hosted: hosted.map(subject => ({ ...subject })),
    platform: { power, stopReason },
    ioApic: platform.ioApic.save(),
    iommus: platform.iommus.map(unit => unit.saveFaults()),
    ports: platform.ports.contents,
    guests,
  };
}

/** Puts the CPUs back to what they were. */
export function restoreCpus(cpus: readonly Cpu[], snapshot: SystemSnapshot): void {
  snapshot.cpus.forEach((saved, id) => {
    const cpu = cpus[id]!;
    cpu.registers.set(saved.registers);
    cpu.irr.set(saved.irr);
    cpu.isr.set(saved.isr);
    cpu.fpu.set(saved.fpu);
    cpu.fpuVersion += 1;
    cpu.syncedSlot = -1;
    cpu.xcr0 = saved.xcr0;
    cpu.msrs.set(saved.msrs);
    cpu.tsc = saved.tsc;
    cpu.vmxonAddress = saved.vmxonAddress;
    cpu.vmcsSlot = saved.vmcsSlot;
    cpu.entryFailureReason = saved.entryFailureReason;
    cpu.entryFailureQualification = saved.entryFailureQualification;
    cpu.mode = saved.mode;
    cpu.timerDeadlineTsc = saved.timerDeadlineTsc;
  });
}

/** Words that stand for all state outside of memory, for the system digest. */
export function processorWords(
  cpus: readonly Cpu[],
  hosted: readonly Pick<HostedSubject, 'low' | 'high' | 'retiredCount' | 'vectors'>[],
  platform: Platform,
  subjectOn: (cpu: Cpu) => SubjectId,
): Uint32Array {
  const parts: (Uint32Array | readonly number[])[] = [];
  for (const cpu of cpus) {
    parts.push(cpu.registers, cpu.fpu, [cpu.xcr0], cpu.msrs, cpu.irr, cpu.isr);
    parts.push([lowWord(cpu.tsc), highWord(cpu.tsc), cpu.mode, subjectOn(cpu) >>> 0]);
  }
  parts.push(platform.ioApic.save());
  for (const unit of platform.iommus) if (unit.hasFaults) parts.push(unit.saveFaults());
  for (const [port, value] of [...platform.ports.contents].sort((a, b) => a[0] - b[0])) parts.push([port, value]);
  for (const { low, high, retiredCount, vectors } of hosted) parts.push([low, high, retiredCount >>> 0], vectors);
  const words = new Uint32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    words.set(part, at);
    at += part.length;
  }
  return words;
}
