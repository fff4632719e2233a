import { describe, expect, it } from 'vitest';
import { allocatePolicy } from '../../../../src/policy/allocate/allocate.ts';
import { checkPolicy } from '../../../../src/policy/check.ts';
import type { PolicyDocument } from '../../../../src/policy/document.ts';
import { expandPolicy } from '../../../../src/policy/expand/expand.ts';
import type { Finding } from '../../../../src/policy/finding.ts';
import { readPolicy } from '../../../../src/policy/parse.ts';
import { normaliseEras, SCHEMA_CHANGES } from '../../../../src/policy/source/eras/normalise.ts';
import { readSource, type SourceInputs } from '../../../../src/policy/source/read-source.ts';
import type { PolicyFiles } from '../../../../src/policy/source/source-files.ts';
import { toXmlDocument } from '../../../../src/policy/tree.ts';
import type { Result } from '../../../../src/units/result.ts';
import { hasShared, SKIP_REASON, sharedJson } from '../../shared-files.ts';
import { readSharedTree, SYSTEMS, sharedFiles } from '../golden-source.ts';

const OLD = 'muen/legacy/2016-06-genode-vbox/policy';
const LATER = 'muen/legacy/2021-01-genode';

const of2016 = (system: string, hardware: string): readonly [SourceInputs, PolicyFiles] => [
  {
    policy: `xml/${system}.xml`,
    hardware: [`platform/${hardware}.xml`, 'platform/common_hardware.xml'],
    platform: 'platform/common_platform.xml',
    includeDirectories: ['xml'],
  },
  sharedFiles({ platform: `${OLD}/platform`, xml: `${OLD}/xml` }),
];

/** The plan of four CPUs that there is for one machine, and what of it a machine of two can run. */
const FOUR_CPUS = 'plans/integration_tests_kt.xml';
const firstTwoCpus = (plan: string): string => plan.replace(/ *<cpu id="[23]">[\s\S]*?<\/cpu>\n/g, '');

function of2021(
  system: string,
  hardware: string,
  plan = 'plans/demo_system_vtd-qemu-kvm.xml',
  edit: (text: string) => string = text => text,
): readonly [SourceInputs, PolicyFiles] {
  const files = sharedFiles({
    hardware: `${LATER}/policy/hardware`,
    platform: `${LATER}/policy/platform`,
    xml: `${LATER}/policy/xml`,
    components: `${LATER}/components`,
    plans: `${LATER}/policy/scheduling/static`,
  });
  // The plan is generated for each system and machine; one that is there stands in.
  const read: PolicyFiles['read'] = path => {
    if (!path.endsWith('/scheduling_plans.xml')) return files.read(path);
    const bytes = files.read(plan);
    return bytes.ok && bytes.value !== undefined
      ? { ok: true, value: new TextEncoder().encode(edit(new TextDecoder().decode(bytes.value))) }
      : bytes;
  };
  const inputs = {
    policy: `xml/${system}.xml`,
    hardware: [`hardware/${hardware}.xml`, 'hardware/common_hardware.xml'],
    platform: `platform/${hardware}.xml`,
    includeDirectories: ['xml', 'components'],
  };
  return [inputs, { read }];
}

function unwrap<T>(result: Result<T, readonly Finding[]>): T {
  if (result.ok) return result.value;
  throw new Error(result.error.map(({ code, file, line, message }) => `${code} ${file}:${line} ${message}`).join('\n'));
}

/** Takes a source policy through all stages to format B and the rules. */
function completed([inputs, files]: readonly [SourceInputs, PolicyFiles]): {
  readonly document: PolicyDocument;
  readonly errors: readonly string[];
  readonly eras: readonly string[];
} {
  const { tree, findings } = unwrap(readSource(inputs, files));
  unwrap(expandPolicy(tree));
  unwrap(allocatePolicy(tree));
  const { document } = unwrap(readPolicy(toXmlDocument(tree)));
  const errors = checkPolicy(document).findings.filter(({ severity }) => severity === 'error');
  const eras = findings.filter(({ code }) => code === 'SRC-ERA').map(({ message }) => message);
  return { document, errors: errors.map(({ code, line, message }) => `${code} ${line} ${message}`), eras };
}

const COMPLETE_2016: readonly (readonly [string, string])[] = [
  ['demo_system', 'lenovo-t430s'],
  ['demo_system_vtd', 'kontron-ktqm77'],
  ['genode-base_hw_simple', 'lenovo-t440s'],
  ['integration_tests', 'cirrus7-nimbus'],
];

const COMPLETE_2021: readonly (readonly [string, string])[] = [
  ['genode-base_hw', 'lenovo-t440s'],
  ['genode-base_hw_simple', 'qemu-kvm'],
  ['demo_system_vtd', 'kontron-ktqm77'],
  ['demo_system_desktop', 'lenovo-t430s'],
];

describe.skipIf(!hasShared)(`policies of old eras (${hasShared ? '../shared' : SKIP_REASON})`, () => {
  it.each(COMPLETE_2016)('2016: %s on %s becomes a valid format B', (system, hardware) => {
    const { errors, eras } = completed(of2016(system, hardware));
    expect(errors).toEqual([]);
    expect(eras.length).toBeGreaterThanOrEqual(15);
  });

  it.each(COMPLETE_2021)('2021: %s on %s becomes a valid format B', (system, hardware) => {
    const { errors, eras } = completed(of2021(system, hardware));
    expect(errors).toEqual([]);
    expect(eras.map(message => message.slice(0, 26))).toEqual([
      'schema from before 2022-10',
      'schema from before 2023-02',
      'schema from before 2022-02',
    ]);
  });

  it('2021: siblings that share a network card, on the machine that the system is made for', () => {
    expect(completed(of2021('integration_tests_kt', 'kontron-ktqm77', FOUR_CPUS)).errors).toEqual([]);
  });

  it('2021: integration tests with a plan that schedules all their subjects', () => {
    expect(completed(of2021('integration_tests', 'lenovo-t430s', FOUR_CPUS, firstTwoCpus)).errors).toEqual([]);
  });

  it('2016: VirtualBox on Genode is read; what later kernels do not allow is said', () => {
    const { document, errors } = completed(of2016('genode-base_hw', 'lenovo-t440s'));
    expect(errors).toEqual([expect.stringContaining("INVLPGExiting of subject 'guest_vm' is 0")]);
    const group = document.scheduling.partitions
      .flatMap(({ groups }) => groups)
      .find(({ subjects }) => subjects.length > 1);
    expect(group?.subjects.map(({ name }) => name)).toEqual(['base_hw', 'base_hw_sm', 'guest_vm']);
  });

  it('2021: the guest VM, its monitor and Genode share the frames of one partition', () => {
    const { document } = completed(of2021('genode-base_hw', 'lenovo-t440s'));
    const partitions = document.scheduling.partitions.map(({ name, groups }) => [
      name,
      ...groups.map(({ subjects }) => subjects.map(subject => subject.name).join()),
    ]);
    expect(partitions).toEqual([
      ['base_hw', 'base_hw,base_hw_sm,guest_vm'],
      ['time', 'time'],
      ['tau0', 'tau0'],
      ['dbgserver', 'dbgserver'],
    ]);
  });

  it('what a machine lacks is an error with its place, not a guess', () => {
    const [inputs, files] = of2021('demo_system_vtd', 'lenovo-t440s');
    expect(readSource(inputs, files)).toMatchObject({
      ok: false,
      error: [{ code: 'SRC-COMPONENT', file: 'components/dbgserver/spec/dbgserver.xml', line: 10 }],
    });
  });

  it.each(SYSTEMS)('%s is of the schema of late 2024', system => {
    for (const stage of ['policy_src', 'policy_with_comp', 'policy_va_filtered']) {
      expect(normaliseEras(readSharedTree(`golden/systems/${system}/${stage}.xml`).root)).toEqual([]);
    }
  });

  it('so are the systems written by hand', () => {
    const cases = sharedJson<readonly { readonly case: string }[]>('golden/hand/index.json');
    expect(cases.length).toBeGreaterThan(20);
    for (const { case: name } of cases) {
      expect(normaliseEras(readSharedTree(`golden/hand/${name}/policy_src.xml`).root)).toEqual([]);
    }
  });

  it('every change of the table occurs in some policy of those times or has a test of its own', () => {
    const [inputs, files] = of2016('genode-base_hw', 'lenovo-t440s');
    const { findings } = unwrap(readSource(inputs, files));
    const seen = SCHEMA_CHANGES.filter(({ title }) => findings.some(({ message }) => message.includes(title)));
    expect(seen.length).toBeGreaterThanOrEqual(15);
  });
});
