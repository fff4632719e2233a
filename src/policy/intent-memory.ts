import type { MemoryType } from './document.ts';
import type { HeldMapping, IntentFacts, Judgement } from './intent-facts.ts';
import { explainedBy, finding, ownerOf, rights, unexplained } from './intent-facts.ts';
import type { Loader } from './intent-loader.ts';
import { loaderRole } from './intent-loader.ts';
import type { Sentence } from './intent-text.ts';
import { listOf, quoted, say } from './intent-text.ts';

const MONITORED: ReadonlySet<MemoryType> = new Set(['subject_state', 'subject_interrupts', 'subject_timed_event']);

/** True for types that no subject and no device may see; the tau0 interface is judged by its own rule. */
export function isKernelMemory(type: MemoryType): boolean {
  return (type.startsWith('kernel') && type !== 'kernel_interface') || type.startsWith('system');
}

/** True if the mapping is judged on its own; channels and unowned shares are judged with all their mappers. */
export function judgedAlone({ region }: HeldMapping): boolean {
  const special = isKernelMemory(region.type) || MONITORED.has(region.type) || SPECIAL.has(region.type);
  return special || ownerOf(region) !== undefined;
}

const SPECIAL: ReadonlySet<MemoryType> = new Set([
  'kernel_interface',
  'device_rmrr',
  'subject_scheduling_info',
  'subject_crash_audit',
]);

/** Explains one mapping of a subject or says why nothing does. */
export function judgeMapping(facts: IntentFacts, loaders: readonly Loader[], held: HeldMapping): Judgement {
  const { region } = held;
  if (isKernelMemory(region.type)) return forbidden('INTENT-KERNEL-MEMORY', held, say`memory of type ${region.type}`);
  if (region.type === 'device_rmrr') return forbidden('INTENT-RESERVED-MEMORY', held, say`reserved memory of a device`);
  const part = loaderRole(loaders, held);
  if (part) return loaderExplanation(held, part);
  if (region.type === 'kernel_interface') return judgeKernelInterface(held);
  if (region.type === 'subject_scheduling_info') return judgeSchedulingInfo(facts, held);
  if (region.type === 'subject_crash_audit') return judgeCrashAudit(held);
  if (MONITORED.has(region.type)) return judgeMonitored(facts, held);
  return judgeOwned(facts, held, ownerOf(region));
}

function forbidden(
  code:
    | 'INTENT-KERNEL-MEMORY'
    | 'INTENT-RESERVED-MEMORY'
    | 'INTENT-CRASH-AUDIT-WRITABLE'
    | 'INTENT-SCHEDULING-INFO-WRITABLE',
  held: HeldMapping,
  what: Sentence,
): Judgement {
  return unexplained(finding(code, held.mapping.at, say`${maps(held)}, ${what}`));
}

/** `subject 'a' maps 'r' (line n) writable as 'l' (line m)`: the sentence every finding starts with. */
export function maps({ holder, mapping, region }: HeldMapping): Sentence {
  return say`subject ${quoted(holder.name)} maps ${quoted(region.name)} (${region.at}) ${rights(mapping)} as ${quoted(mapping.logical)} (${mapping.at})`;
}

function loaderExplanation(held: HeldMapping, part: NonNullable<ReturnType<typeof loaderRole>>): Judgement {
  const { loader, role, loadee } = part;
  const text =
    role === 'mirror'
      ? say`loader of ${quoted(loader.loadee.name)}: mirrors ${quoted(loadee.logical)} (${loadee.at})`
      : say`loader of ${quoted(loader.loadee.name)}: reads the content of ${quoted(loadee.logical)} (${loadee.at})`;
  return explainedBy(role === 'mirror' ? 'loader-mirror' : 'loader-source', held, text);
}

function judgeKernelInterface(held: HeldMapping): Judgement {
  if (held.holder.name === 'tau0')
    return explainedBy('kernel-interface', held, say`tau0 names the next major frame here`);
  return forbidden('INTENT-KERNEL-MEMORY', held, say`through which only tau0 may direct the kernel`);
}

function judgeSchedulingInfo(facts: IntentFacts, held: HeldMapping): Judgement {
  const { holder, mapping, region } = held;
  if (mapping.writable)
    return forbidden('INTENT-SCHEDULING-INFO-WRITABLE', held, say`which its whole partition trusts`);
  const family = facts.familyOf(holder.name);
  const member = [...facts.subjects.keys()].find(name => {
    const seat = facts.seats.get(name);
    return facts.familyOf(name) === family && seat !== undefined && region.name === `scheduling_info_${seat.partition}`;
  });
  if (member !== undefined)
    return explainedBy('scheduling-info', held, say`own scheduling partition of ${quoted(member)}`);
  const own = facts.seats.get(holder.name)?.partition ?? 'none';
  return unexplained(
    finding('INTENT-SCHEDULING-INFO-FOREIGN', mapping.at, say`${maps(held)}, but its scheduling partition is ${own}`),
  );
}

function judgeCrashAudit(held: HeldMapping): Judgement {
  if (held.mapping.writable)
    return forbidden('INTENT-CRASH-AUDIT-WRITABLE', held, say`which only the kernel may write`);
  return explainedBy('crash-audit', held, say`reads crash records, which may hold the state of any subject`);
}

function judgeMonitored(facts: IntentFacts, held: HeldMapping): Judgement {
  const { holder, mapping, region } = held;
  const owner = ownerOf(region);
  const monitored = owner === undefined ? undefined : facts.subjects.get(owner);
  if (!monitored) return unknownOwner(held, owner);
  if (monitored === holder) {
    const explained = explainedBy('own-region', held, say`its own page`);
    if (region.type !== 'subject_state' || !mapping.writable) return explained;
    return {
      ...explained,
      findings: [finding('INTENT-OWN-STATE-WRITABLE', mapping.at, say`${maps(held)}, its own saved state`)],
    };
  }
  if (facts.familyOf(holder.name) === facts.familyOf(monitored.name)) {
    return explainedBy('sibling', held, say`sibling of ${quoted(monitored.name)}`);
  }
  const a = facts.seats.get(holder.name);
  const b = facts.seats.get(monitored.name);
  const whose = say`a page of ${quoted(monitored.name)} (${monitored.at})`;
  if (!a || !b || a.partition !== b.partition) {
    const places = say`scheduling partitions ${a?.partition ?? 'none'} and ${b?.partition ?? 'none'}`;
    return unexplained(
      finding('INTENT-MONITOR-OUTSIDE-PARTITION', mapping.at, say`${maps(held)}, ${whose}; they are in ${places}`),
    );
  }
  if (!mapping.writable) return explainedBy('monitor-read', held, say`monitor of ${quoted(monitored.name)}`);
  if (a.group === b.group) return explainedBy('monitor-write', held, say`monitor of ${quoted(monitored.name)}`);
  const groups = say`scheduling groups ${a.group} and ${b.group}`;
  return unexplained(
    finding('INTENT-MONITOR-WRITES-OUTSIDE-GROUP', mapping.at, say`${maps(held)}, ${whose}; they are in ${groups}`),
  );
}

function judgeOwned(facts: IntentFacts, held: HeldMapping, owner: string | undefined): Judgement {
  const { holder, mapping } = held;
  if (owner === holder.name) return explainedBy('own-region', held, say`its own region`);
  const subject = owner === undefined ? undefined : facts.subjects.get(owner);
  if (!subject && (owner === undefined || !facts.kernels.has(owner))) return unknownOwner(held, owner);
  if (subject && facts.familyOf(subject.name) === facts.familyOf(holder.name)) {
    return explainedBy('sibling', held, say`sibling of ${quoted(subject.name)}`);
  }
  const others = (facts.heldByRegion.get(held.region.name) ?? []).filter(other => other.holder.name === owner);
  const own = listOf(others.map(other => say`${rights(other.mapping)} on ${other.mapping.at}`));
  const whose = say`private memory of ${quoted(owner ?? '')}${others.length === 0 ? '' : say`, which maps it ${own}`}`;
  return unexplained(finding('INTENT-PRIVATE-REGION', mapping.at, say`${maps(held)}, ${whose}`));
}

function unknownOwner(held: HeldMapping, owner: string | undefined): Judgement {
  const why = owner === undefined ? 'whose name states no owner' : `but there is no subject or kernel ${quoted(owner)}`;
  return unexplained(finding('INTENT-UNKNOWN-OWNER', held.mapping.at, say`${maps(held)}, ${why}`));
}
