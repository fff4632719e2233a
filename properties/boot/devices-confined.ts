import type { CheckContext } from '../../src/engine/property.ts';
import { Iommu, type IommuDefect, IommuRegister } from '../../src/impl/platform/iommu.ts';
import type { Seams } from '../../src/impl/seams.ts';
import { type BootCase, type Booted, bootOnce, bootProperty } from './boot-property.ts';

/** Global status (VT-d specification): translation, root table, interrupt remapping and its table on; queued invalidation and compatibility format off. */
const WANTED = 0xc300_0000;
const UNWANTED = 0x0480_0000;
const QUEUED = 0x0400_0000;
const COMPATIBILITY = 0x0080_0000;
/** Extended interrupt mode, 256 entries. */
const TABLE_FLAGS = 0x807;
const FIRST_DUMP_REASON = 104 + 8;

/** Steps that a unit can fail to complete, and the reason that the crash audit must have (Muen reasons 0x5000 ..). */
const STUCK: readonly (readonly [IommuDefect, number])[] = [
  ['root', 0x5000],
  ['context', 0x5001],
  ['iotlb', 0x5002],
  ['translation', 0x5003],
  ['table', 0x5004],
  ['compatibility', 0x5005],
  ['remapping', 0x5006],
  ['queue', 0x5007],
];

function withUnits(seams: Seams, create: Seams['machine']['createIommu']): Seams {
  return { ...seams, machine: { ...seams.machine, createIommu: create } };
}

const join = (unit: Iommu, offset: number): number => unit.read(offset + 4) * 2 ** 32 + unit.read(offset);

/** Redirection entry of a line as Muen writes it: vector, polarity and trigger; remappable format, index = IRQ. */
function wrongLine({ document }: CheckContext, { kernel }: Booted): string {
  const devices = new Map(document.hardware.devices.map(device => [device.name, device]));
  for (const logical of document.subjects.flatMap(subject => subject.devices)) {
    const device = devices.get(logical.physical);
    if (device === undefined || device.pci?.msi === true) continue;
    for (const { physical } of logical.irqs) {
      const irq = device.irqs.find(row => row.name === physical)?.number;
      if (irq === undefined) continue;
      const entry = irq === 0 ? 2 : irq;
      const { entries, maxEntry } = kernel.platform.ioApic;
      if (entry > maxEntry) continue;
      const low = irq + 32 + (device.pci === undefined ? 0 : 0xa000);
      const high = ((irq << 17) | 0x1_0000) >>> 0;
      if (entries[2 * entry] !== low || entries[2 * entry + 1] !== high)
        return `I/O APIC entry ${entry} is not as assigned`;
    }
  }
  return '';
}

function judgeHealthy(context: CheckContext, left: number): string {
  const booted = bootOnce(
    context,
    withUnits(context.seams, spec => new Iommu(spec, spec, undefined, left)),
  );
  if (typeof booted === 'string') return booted;
  if (booted.halted) return `the kernel stops: ${booted.kernel.platform.stopReason}`;
  const region = (type: string): number => context.document.memory.find(row => row.type === type)?.physicalAddress ?? 0;
  for (const unit of booted.kernel.platform.iommus) {
    const [violation] = unit.violations;
    if (violation !== undefined) return `${unit.spec.name}: ${violation}`;
    const status = unit.read(IommuRegister.globalStatus);
    if ((status & WANTED) >>> 0 !== WANTED || (status & UNWANTED) !== 0)
      return `${unit.spec.name}: global status 0x${status.toString(16)}`;
    if (join(unit, IommuRegister.rootTable) !== region('system_vtd_root')) return `${unit.spec.name}: wrong root table`;
    if (join(unit, IommuRegister.interruptRemapping) !== region('system_vtd_ir') + TABLE_FLAGS)
      return `${unit.spec.name}: wrong interrupt-remapping table`;
  }
  return booted.kernel.platform.ioApic.violations[0] ?? wrongLine(context, booted);
}

function judgeStuck(context: CheckContext, defect: IommuDefect, reason: number): string {
  const left = QUEUED | COMPATIBILITY;
  const booted = bootOnce(
    context,
    withUnits(context.seams, spec => new Iommu(spec, spec, defect, left)),
  );
  if (typeof booted === 'string') return booted;
  const { platform, memory, at } = booted.kernel;
  if (!booted.halted || platform.power !== 'panic') return 'the kernel starts all the same';
  if (at.crashAuditSlot < 0) return '';
  const found =
    memory.readByte(at.crashAuditSlot, FIRST_DUMP_REASON) +
    256 * memory.readByte(at.crashAuditSlot, FIRST_DUMP_REASON + 1);
  return found === reason ? '' : `the crash audit has reason 0x${found.toString(16)}, not 0x${reason.toString(16)}`;
}

/** Remapping units and I/O APIC after boot, whatever the firmware left, and with a unit that does not answer. */
export const devicesConfined = bootProperty({
  id: 'boot/devices-confined',
  claim:
    'When the first subject runs, every remapping unit translates DMA and interrupts by the tables of the policy, was started as the VT-d specification demands, and interrupt lines were opened only then; a unit that does not answer stops the boot.',
  killedBy: [
    'queued-invalidation-left-on',
    'global-invalidation-unchecked',
    'command-from-undefined-reads',
    'io-apic-before-vtd',
    'iotlb-not-invalidated',
  ],
  witness: { id: 'boot', description: 'the kernel was booted' },
  cases(context): readonly BootCase[] {
    const firmware: readonly (readonly [string, number])[] = [
      ['units as after a reset', 0],
      ['queued invalidation on', QUEUED],
      ['compatibility-format interrupts on', COMPATIBILITY],
      ['queued invalidation and compatibility-format interrupts on', QUEUED | COMPATIBILITY],
    ];
    const hasUnits = context.document.hardware.devices.some(row =>
      row.capabilities.some(({ name }) => name === 'iommu'),
    );
    return [
      ...firmware.map(([name, left]) => ({ name, run: () => judgeHealthy(context, left) })),
      ...(hasUnits ? STUCK : []).map(([defect, reason]) => ({
        name: `a unit that does not complete step '${defect}'`,
        run: () => judgeStuck(context, defect, reason),
      })),
    ];
  },
});
