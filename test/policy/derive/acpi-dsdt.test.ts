import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { buildDsdt } from '../../../src/policy/derive/acpi-dsdt.ts';
import { bootFiles } from '../../../src/policy/derive/boot-files.ts';
import type { PolicyDocument, Subject } from '../../../src/policy/document.ts';
import { both, type Edit, replace, replaceAll } from '../policy-editing.ts';
import { bytesOf, hasShared, parsed, SKIP_REASON, sharedBytes, sharedPath } from '../shared-files.ts';
import { SYSTEMS } from '../shared-trees.ts';
import { compileTable, disassembleTable, iaslMissing } from './acpi-compiler.ts';

const DATA = 'muen/2024-11/tools/mugenacpi/data';

function table(policy: string): Uint8Array {
  const { document } = parsed(bytesOf(policy));
  const linux = document.subjects.find(({ name }) => name === 'linux');
  if (linux === undefined) throw new Error('no subject linux');
  const built = buildDsdt(document, linux);
  if (!built.ok) throw new Error(built.error);
  return built.value;
}

/** Removes a logical device. */
const withoutDevice = (physical: string): Edit =>
  replace(new RegExp(` *<device logical="[^"]*" physical="${physical}">[\\s\\S]*?</device>\\n`), '');

/** The edits with which the real tool's own tests make each of their reference sources. */
const REFERENCES: readonly (readonly [string, Edit])[] = [
  ['linux_dsdt', text => text],
  ['linux_dsdt_one_port', replace(/ *<ioPort logical="port1"[^>]*>\n/, '')],
  ['linux_dsdt_one_serial', withoutDevice('serial_1')],
  ['linux_dsdt_no_serial', both(withoutDevice('serial_1'), withoutDevice('serial_2'))],
  ['linux_dsdt_sibling', replace(/(name="subject1"[\s\S]*?)( *<events\/>\n)/, '$1$2<sibling ref="linux"/>\n')],
];

const toolPolicy = (): string => readFileSync(sharedPath(`${DATA}/test_policy.xml`), 'utf8');

describe.skipIf(!hasShared || iaslMissing !== '')(
  `DSDT against the real tool's sources, compiled ${hasShared ? iaslMissing : SKIP_REASON}`,
  () => {
    test.each(REFERENCES)('%s, byte by byte', (reference, edit) => {
      const source = readFileSync(sharedPath(`${DATA}/${reference}.dsl.ref`), 'utf8');
      expect(Buffer.from(table(edit(toolPolicy()))).toString('hex')).toBe(
        Buffer.from(compileTable(source)).toString('hex'),
      );
    });

    test.each([
      ['no devices', /<devices>\s*<device logical="serial_1"[\s\S]*?<\/devices>/, '<devices/>'],
      [
        'memory above 4 GiB',
        'virtualAddress="16#d250_0000#" writable="true"',
        'virtualAddress="16#0012_d250_0000#" writable="true"',
      ],
      ['a name of eleven characters', 'logical="serial_2"', 'logical="serial_long"'],
    ] as const)('%s: what iasl reads compiles to the same bytes', (_title, from, to) => {
      const ours = table(replace(from, to)(toolPolicy()));
      const again = compileTable(disassembleTable(ours));
      expect(Buffer.from(ours).toString('hex')).toBe(Buffer.from(again).toString('hex'));
    });
  },
);

const hex = (value: number): string => `0x${value.toString(16).toUpperCase().padStart(8, '0')}`;

/** What a policy says of the PCI devices of a subject, as lines that the disassembly must have. */
function expectations(document: PolicyDocument, subject: Subject) {
  const physical = new Map(document.hardware.devices.map(device => [device.name, device]));
  const pci = subject.devices.filter(device => device.pci !== undefined);
  const windows = pci.flatMap(device =>
    device.memory.filter(memory => memory.physical !== 'mmconf').map(memory => hex(memory.virtualAddress)),
  );
  const owners = [subject, ...document.subjects.filter(({ siblingOf }) => siblingOf === subject.name)];
  const routed = owners.flatMap(({ devices }) =>
    devices
      .filter(device => device.pci !== undefined && device.irqs.length > 0)
      .map(device => {
        const msi = physical.get(device.physical)?.pci?.msi === true;
        const irqs = device.irqs.map(({ vector = 0 }) => vector - 48);
        return { slot: device.pci?.device ?? 0, irqs: msi ? [Math.min(...irqs)] : irqs };
      }),
  );
  return { windows, routed };
}

describe.skipIf(!hasShared || iaslMissing !== '')(
  `DSDT of the real systems as iasl reads it ${hasShared ? iaslMissing : SKIP_REASON}`,
  () => {
    test.each(SYSTEMS)('%s says what the policy says', system => {
      const { document } = parsed(sharedBytes(`golden/systems/${system}/policy_b.xml`));
      const tables = bootFiles(document).files.filter(({ filename }) => filename.endsWith('_dsdt.aml'));
      expect(tables.length).toBeGreaterThan(0);
      for (const { region, bytes } of tables) {
        const source = disassembleTable(bytes);
        const subject = document.subjects.find(({ name }) => region.startsWith(`${name}|`));
        if (subject === undefined) throw new Error(`no subject of ${region}`);
        const { windows, routed } = expectations(document, subject);
        const minima = [...source.matchAll(/DWordMemory[^;]*?(0x\w+), *\/\/ Range Minimum/g)].map(([, at]) => at);
        expect(minima).toEqual([...(subject.devices.some(({ pci }) => pci) ? [hex(0xf800_0000)] : []), ...windows]);
        const pins = [...source.matchAll(/0x0*(\w*)FFFF, *\n\s*(\w+), *\n\s*Zero, *\n\s*(\w+)/g)];
        const decoded = pins.map(([, slot, , irq]) => [
          Number.parseInt(slot === '' ? '0' : (slot ?? ''), 16),
          irq === 'Zero' ? 0 : irq === 'One' ? 1 : Number(irq),
        ]);
        expect(decoded).toEqual(
          routed.flatMap(({ slot, irqs }) => irqs.flatMap(irq => [0, 1, 2, 3].map(() => [slot, irq]))),
        );
        expect(Buffer.from(compileTable(source)).equals(Buffer.from(bytes))).toBe(true);
      }
    });
  },
);

describe.skipIf(!hasShared)(`DSDT that cannot be made (${hasShared ? '' : SKIP_REASON})`, () => {
  const findings = (edit: Edit) => bootFiles(parsed(bytesOf(edit(toolPolicy()))).document).findings;

  test.each([
    [
      'a serial interrupt beyond the PC',
      replaceAll('vector="50"', 'vector="80"'),
      /vector 80 of serial device 'serial_1'/,
    ],
    ['a vector below those of Linux', replaceAll('vector="50"', 'vector="40"'), /vector 40 .* from vector 48/],
    ['too many ports', replaceAll('16#03ef#', '16#0fef#'), /port range 'port1' .* longer than 255 ports/],
    [
      'a region that is too small',
      replace(/(linux\|acpi_dsdt" [^>]*size=)"16#1000#"/, '$1"16#0100#"'),
      /795 bytes, the region 256/,
    ],
  ])('%s', (_title, edit, message) => {
    const found = findings(edit as Edit);
    expect(found.map(({ code, severity }) => [code, severity])).toEqual([['DERIVE-FILE', 'warning']]);
    expect(found[0]?.message).toMatch(message as RegExp);
    expect(found[0]?.line).toBeGreaterThan(0);
  });
});
