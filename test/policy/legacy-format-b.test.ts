import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../src/policy/parse.ts';
import { bytesOf, hasShared, parsed, SKIP_REASON, sharedPath } from './shared-files.ts';

const scenario = (name: string): string =>
  readFileSync(new URL(`../../scenarios/${name}/policy.xml`, import.meta.url), 'utf8');

/** A scenario as its format B would have been before October 2022: no partitions, frames and subjects as then. */
function asOld(name: string): string {
  const text = scenario(name);
  const first = new Map(
    [...text.matchAll(/<partition [^>]*name="([^"]+)"[^>]*>[\s\S]*?<subject name="([^"]+)"/g)].map(match => [
      match[1]!,
      match[2]!,
    ]),
  );
  return text
    .replace(/<partitions>[\s\S]*<\/partitions>/, '')
    .replace(
      /(<minorFrame[^>]*)partition="([^"]+)"/g,
      (_all, head: string, partition: string) => `${head}subject="${first.get(partition)}"`,
    )
    .replace(/ schedGroupId="[^"]+"/g, '')
    .replace(/<cr([04])Shadow>[\s\S]*?<\/cr[04]Shadow>/g, '');
}

const groupsOf = (text: string) =>
  parsed(bytesOf(text)).document.scheduling.partitions.map(({ id, cpu, groups }) => ({
    id,
    cpu,
    groups: groups.map(group => [group.id, group.subjects.map(({ name }) => name)]),
  }));

describe('format B from before October 2022', () => {
  it('is read into the same document: each set of subjects that switch to each other is a group', () => {
    const text = asOld('two-subjects');
    expect(groupsOf(text)).toEqual(groupsOf(scenario('two-subjects')));
    const { document, findings } = parsed(bytesOf(text));
    const modern = parsed(bytesOf(scenario('two-subjects'))).document;
    expect(findings.map(({ code, severity }) => `${code} ${severity}`)).toEqual(['POL-OLD-SCHEDULING notice']);
    expect(document.subjects.map(({ schedGroupId }) => schedGroupId)).toEqual(
      modern.subjects.map(({ schedGroupId }) => schedGroupId),
    );
    expect(document.scheduling.majorFrames[0]!.cpus.map(cpu => cpu.minorFrames.map(frame => frame.partition))).toEqual([
      ['alice', 'bob'],
      ['carol', 'carol'],
    ]);
    // The kernel of those years kept the shadows at 0.
    expect(Object.values(document.subjects[0]!.vcpu.cr0Shadow).every(bit => bit === 0)).toBe(true);
  });

  it('is not guessed when a policy mixes both', () => {
    const mixed = scenario('two-subjects').replace('partition="alice"', 'subject="alice"');
    const result = parsePolicy(bytesOf(mixed));
    expect(result.ok ? [] : result.error.map(({ code }) => code)).toContain('POL-OLD-SCHEDULING');
  });

  it.skipIf(!hasShared)(`is refused with one reason if it is from before 2021 ${SKIP_REASON}`, () => {
    const path = sharedPath('muen/legacy/2016-06-genode-vbox/tools/mugenspec/data/test_policy.xml');
    const result = parsePolicy(readFileSync(path));
    expect(result.ok ? [] : result.error.map(({ code, line }) => `${code} ${line}`)).toEqual(['POL-OLD-FORMAT-B 3']);
  });

  it.skipIf(!hasShared).each([
    ['libmucfgcheck', 4],
    ['mugenspec', 3],
  ] as const)(`of 2021 as the toolchain tested it with: %s (${SKIP_REASON})`, (tool, partitions) => {
    const path = `muen/legacy/2021-01-genode/tools/${tool}/data/test_policy.xml`;
    const { document, findings } = parsed(readFileSync(sharedPath(path)));
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(document.scheduling.partitions).toHaveLength(partitions);
    // Subjects that switch to each other are together: some group has several.
    expect(document.subjects.length).toBeGreaterThan(partitions);
    const scheduled = document.scheduling.partitions.flatMap(({ groups }) => groups.flatMap(group => group.subjects));
    for (const { name, schedGroupId } of document.subjects) {
      const group = document.scheduling.partitions
        .flatMap(({ groups }) => groups)
        .find(({ id }) => id === schedGroupId);
      expect(
        group?.subjects.map(member => member.name),
        name,
      ).toContain(name);
    }
    expect(new Set(scheduled.map(({ name }) => name)).size).toBe(scheduled.length);
  });
});
