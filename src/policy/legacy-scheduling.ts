/**
 * Scheduling partitions for policies from before October 2022, whose minor frames name subjects.
 *
 * There, subjects that hand over to each other by switch events shared the frames of any of them; each such set is a
 * scheduling group, and becomes a partition of its own.
 */
export interface LegacyScheduling {
  /** All subjects in the order of the policy. */
  readonly subjects: readonly string[];
  /** Subjects that each switch event or channel joins. */
  readonly switches: readonly (readonly string[])[];
  /** Subjects of the minor frames, in the order of the plan. */
  readonly frames: readonly string[];
}

/** A partition with one group; the first subject of the group is the one that starts. */
export interface LegacyPartition {
  readonly name: string;
  readonly subjects: readonly string[];
}

/** Partitions in the order in which the plan first uses them, named after the subject of that frame. */
export function legacyPartitions({ subjects, switches, frames }: LegacyScheduling): readonly LegacyPartition[] {
  const groupOf = joinedGroups([...new Set([...subjects, ...frames])], switches);
  const partitions = new Map<readonly string[], LegacyPartition>();
  for (const name of frames) {
    const group = groupOf.get(name)!;
    if (partitions.has(group)) continue;
    partitions.set(group, { name, subjects: [name, ...group.filter(subject => subject !== name)] });
  }
  return [...partitions.values()];
}

/** Sets of subjects that are joined, by each of their members; members keep the order of `subjects`. */
function joinedGroups(
  subjects: readonly string[],
  joins: readonly (readonly string[])[],
): ReadonlyMap<string, readonly string[]> {
  const parents = new Map(subjects.map(subject => [subject, subject]));
  const rootOf = (subject: string): string => {
    let root = subject;
    while (parents.get(root) !== root) root = parents.get(root)!;
    for (let next = subject; next !== root; ) {
      const parent = parents.get(next)!;
      parents.set(next, root);
      next = parent;
    }
    return root;
  };
  for (const join of joins) {
    const [first, ...others] = join.filter(subject => parents.has(subject));
    if (first !== undefined) for (const other of others) parents.set(rootOf(other), rootOf(first));
  }
  const groups = new Map<string, string[]>();
  for (const subject of subjects) {
    const root = rootOf(subject);
    const group = groups.get(root);
    if (group === undefined) groups.set(root, [subject]);
    else group.push(subject);
  }
  return new Map(subjects.map(subject => [subject, groups.get(rootOf(subject))!]));
}
