import type { MemoryRegion } from './document.ts';
import type { HeldMapping, IntentFacts, IntentFinding, Judgement } from './intent-facts.ts';
import { explainedBy, finding, groupBy, rights, unexplained } from './intent-facts.ts';
import type { Loader } from './intent-loader.ts';
import { loaderRole } from './intent-loader.ts';
import { judgeMapping, maps } from './intent-memory.ts';
import type { Sentence } from './intent-text.ts';
import { listOf, quoted, say } from './intent-text.ts';

/** Judges all mappings of one unowned region together: a channel has one writer, everything else is a declared share. */
export function judgeShared(facts: IntentFacts, loaders: readonly Loader[], all: readonly HeldMapping[]): Judgement[] {
  const isMirror = (held: HeldMapping): boolean => loaderRole(loaders, held) !== undefined;
  const mirrors = all.filter(isMirror);
  const own = all.filter(held => !isMirror(held));
  const region = all[0]!.region;
  return [
    ...mirrors.map(held => judgeMapping(facts, loaders, held)),
    ...(region.type === 'subject_channel' ? judgeChannel(facts, region, own) : judgeShare(facts, own)),
  ];
}

function judgeShare(facts: IntentFacts, own: readonly HeldMapping[]): Judgement[] {
  const families = new Set(own.map(held => facts.familyOf(held.holder.name)));
  return own.map(held => {
    const others = own.filter(other => other.holder !== held.holder);
    if (families.size > 1) return explainedBy('declared-share', held, say`declared share with ${users(others)}`);
    return others.length > 0
      ? explainedBy('sibling', held, say`shared with ${users(others)}`)
      : explainedBy('sole-user', held, say`no other subject maps it`);
  });
}

/** Longest list of users in one sentence; every user has an explanation of its own besides. */
const USERS_SHOWN = 32;

function users(mappings: readonly HeldMapping[]): Sentence {
  const shown = mappings.slice(0, USERS_SHOWN).map(userOf);
  const rest = mappings.length - shown.length;
  return listOf(rest === 0 ? shown : [...shown, say`${rest} more`], 'nobody');
}

function userOf({ holder, mapping }: HeldMapping): Sentence {
  return say`${quoted(holder.name)} (${rights(mapping)}, ${mapping.at})`;
}

const NOBODY: ReadonlySet<string> = new Set();

/** The toolchain gives a channel's event the channel's name: the writer triggers it, a reader receives it. */
interface ChannelEvidence {
  /** Families that trigger that event, and those that only receive it. */
  readonly sources: ReadonlySet<string>;
  readonly targets: ReadonlySet<string>;
  /** Families that may write. */
  readonly writers: readonly string[];
}

function judgeChannel(facts: IntentFacts, region: MemoryRegion, own: readonly HeldMapping[]): Judgement[] {
  const byFamily = groupBy(own, held => facts.familyOf(held.holder.name));
  const writers = [...byFamily]
    .filter(([, mappings]) => mappings.some(held => held.mapping.writable))
    .map(([family]) => family);
  const sources = facts.eventSources.get(region.name) ?? NOBODY;
  const receivers = facts.eventTargets.get(region.name) ?? NOBODY;
  const targets = new Set([...receivers].filter(family => !sources.has(family)));
  const evidence: ChannelEvidence = { sources, targets, writers };
  const meant = meantWriter(evidence, byFamily);
  const judgements = own.map(held => {
    const judged = judgeChannelMapping(facts, held, own, evidence, meant);
    return { ...judged, findings: [...judged.findings, ...executableChannel(held)] };
  });
  return own.length > 0 && writers.length === 0 ? [...judgements, unexplained(noWriter(region, own))] : judgements;
}

/** The one family that is meant to write, undefined if the policy does not say. */
function meantWriter(
  evidence: ChannelEvidence,
  byFamily: ReadonlyMap<string, readonly HeldMapping[]>,
): string | undefined {
  const { sources, targets, writers } = evidence;
  const bySource = [...sources].filter(family => byFamily.has(family));
  if (bySource.length === 1) return bySource[0];
  const plain = writers.filter(family => !targets.has(family) && !readsToo(byFamily.get(family)!));
  return plain.length === 1 ? plain[0] : undefined;
}

function readsToo(mappings: readonly HeldMapping[]): boolean {
  return mappings.some(held => !held.mapping.writable);
}

function judgeChannelMapping(
  facts: IntentFacts,
  held: HeldMapping,
  own: readonly HeldMapping[],
  evidence: ChannelEvidence,
  meant: string | undefined,
): Judgement {
  const family = facts.familyOf(held.holder.name);
  const others = own.filter(other => facts.familyOf(other.holder.name) !== family);
  const counterparts = users(others.filter(other => other.mapping.writable !== held.mapping.writable));
  if (!held.mapping.writable) return explainedBy('channel-reader', held, say`reads from ${counterparts}`);
  const onlyWriter = meant === undefined && evidence.writers.length === 1 && !evidence.targets.has(family);
  if (meant === family || onlyWriter) {
    return explainedBy('channel-writer', held, say`writes to ${counterparts}`);
  }
  const mappings = own.filter(other => facts.familyOf(other.holder.name) === family);
  const isReader = evidence.targets.has(family) || readsToo(mappings);
  const writers = others.filter(other => other.mapping.writable || facts.familyOf(other.holder.name) === meant);
  const known =
    meant === undefined ? 'which of them is meant to write is not stated' : `${quoted(meant)} is the writer`;
  const code = isReader ? 'INTENT-CHANNEL-READER-WRITES' : 'INTENT-SECOND-WRITER';
  const what = isReader ? 'but it is a reader of this channel' : 'but a channel has one writer';
  const too = writers.length === 0 ? '' : say`; ${users(writers)} maps it too`;
  const message = say`${maps(held)}, ${what}${too}: ${known}`;
  return unexplained(finding(code, held.mapping.at, message));
}

function executableChannel(held: HeldMapping): IntentFinding[] {
  return held.mapping.executable
    ? [finding('INTENT-CHANNEL-EXECUTABLE', held.mapping.at, say`${maps(held)}, executable`)]
    : [];
}

function noWriter(region: MemoryRegion, own: readonly HeldMapping[]): IntentFinding {
  return finding(
    'INTENT-CHANNEL-NO-WRITER',
    region.at,
    say`channel ${quoted(region.name)} is only read, by ${users(own)}`,
  );
}
