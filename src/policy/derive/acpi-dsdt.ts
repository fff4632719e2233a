import { err, ok, type Result } from '../../units/result.ts';
import type { LogicalDevice, PhysicalDevice, PolicyDocument, Subject } from '../document.ts';
import {
  busNumbers,
  interruptLine,
  memoryWindow,
  NO_DMA,
  ports,
  portWindow,
  resourceTemplate,
} from './acpi-resources.ts';
import { finishTable, startTable } from './acpi-tables.ts';
import * as aml from './aml.ts';

/** Where PCI configuration space is in the guest-physical space of every subject, and how much: 16 buses' worth. */
const CONFIG_SPACE = { start: 0xf800_0000, size: 0x100_0000 };
/** Linux numbers the interrupts of its vectors from here. */
const FIRST_VECTOR = 48;
const HEADER_BYTES = 36;
/** The compiler that the real tool calls, and its version on Debian: so the files compare byte by byte. */
const COMPILER = { id: 'INTL', version: 0x2020_0925 };

/** Interrupt pins A to D of a PCI device. */
const PINS = [0, 1, 2, 3];
/** Present, enabled, shown, working. */
const STATUS_PRESENT = 0x0f;

/** What the namespace is made of. */
interface Facts {
  readonly pci: readonly LogicalDevice[];
  /** Devices with interrupts: the subject's own, then those of its siblings. */
  readonly interrupting: readonly LogicalDevice[];
  readonly serial: readonly LogicalDevice[];
  readonly physical: ReadonlyMap<string, PhysicalDevice>;
}

function factsOf(document: PolicyDocument, subject: Subject): Facts {
  const siblings = document.subjects.filter(({ siblingOf }) => siblingOf === subject.name);
  return {
    pci: subject.devices.filter(({ pci }) => pci !== undefined),
    interrupting: [subject, ...siblings].flatMap(({ devices }) =>
      devices.filter(device => device.pci !== undefined && vectorsOf(device).length > 0),
    ),
    serial: subject.devices.filter(({ logical }) => logical.startsWith('serial')),
    physical: new Map(document.hardware.devices.map(device => [device.name, device])),
  };
}

const currentResources = (descriptors: readonly aml.Aml[]): aml.Aml =>
  aml.method('_CRS', 0, false, [aml.returned(resourceTemplate(descriptors))]);

/** The mainboard, which keeps the configuration space for itself. */
const board = ({ pci }: Facts): aml.Aml =>
  aml.device('BORD', [
    aml.name('_HID', aml.eisaId('PNP0C01')),
    aml.name('_UID', aml.text('Muen Board')),
    currentResources(pci.length > 0 ? [memoryWindow(CONFIG_SPACE.start, CONFIG_SPACE.size, false)] : []),
  ]);

/** What the host bridge hands on: 16 buses, all I/O ports, and the memory of the subject's PCI devices. */
function bridgeResources({ pci, physical }: Facts): aml.Aml {
  const windows = pci.flatMap(device =>
    device.memory
      .filter(memory => memory.physical !== 'mmconf')
      .flatMap(memory => {
        const region = physical.get(device.physical)?.memory.find(({ name }) => name === memory.physical);
        return region === undefined ? [] : [memoryWindow(memory.virtualAddress, region.sizeBytes, true)];
      }),
  );
  return aml.method('_CRS', 0, true, [
    aml.name('MCRS', resourceTemplate([busNumbers(0, 16), portWindow(0, 0x1_0000), ...windows])),
    aml.returned(aml.nameSegment('MCRS')),
  ]);
}

const vectorsOf = ({ irqs }: LogicalDevice): readonly number[] =>
  irqs.flatMap(({ vector }) => (vector === undefined ? [] : [vector]));

/** Vectors that the pins of a device stand for: each line's, or the first of its messages. */
function pinVectors(device: LogicalDevice, physical: PhysicalDevice | undefined): readonly number[] {
  const vectors = vectorsOf(device);
  return physical?.pci?.msi === true ? [vectors.reduce((least, vector) => Math.min(least, vector))] : vectors;
}

/** Which interrupt each pin of a device raises. */
const interruptRouting = ({ interrupting, physical }: Facts): aml.Aml =>
  aml.method('_PRT', 0, false, [
    aml.returned(
      aml.packageOf(
        interrupting.flatMap(device =>
          pinVectors(device, physical.get(device.physical)).flatMap(vector =>
            PINS.map(pin =>
              aml.packageOf([
                aml.integer(((device.pci?.bus ?? 0) * 0x100 + (device.pci?.device ?? 0)) * 0x1_0000 + 0xffff),
                aml.integer(pin),
                aml.integer(0),
                aml.integer(vector - FIRST_VECTOR),
              ]),
            ),
          ),
        ),
      ),
    ),
  ]);

/** UUID by which an operating system asks a PCI host bridge for control (PCI firmware specification, "_OSC"). */
const HOST_BRIDGE_CONTROL = '33db4d5b-1ff7-401c-9657-7441c03dd766';

/** Grants nothing of what the operating system asks for; bits 2 and 3 say unknown UUID and unknown revision. */
const control = (): aml.Aml =>
  aml.method('_OSC', 4, false, [
    aml.dwordField(aml.argument(3), 0, 'CDW1'),
    aml.dwordField(aml.argument(3), 1, 'CDW2'),
    aml.dwordField(aml.argument(3), 2, 'CDW3'),
    aml.ifElse(
      aml.equal(aml.argument(0), aml.uuid(HOST_BRIDGE_CONTROL)),
      [
        aml.ifElse(aml.notEqual(aml.argument(1), aml.integer(1)), [aml.setBits('CDW1', 8)], []),
        aml.store(aml.integer(0), 'CDW2'),
        aml.store(aml.integer(0), 'CDW3'),
        aml.returned(aml.argument(3)),
      ],
      [aml.setBits('CDW1', 4), aml.returned(aml.argument(3))],
    ),
  ]);

const serialPort = (index: number, id: string, descriptors: readonly aml.Aml[]): aml.Aml =>
  aml.device(`SER${index.toString(16).toUpperCase()}`, [
    aml.name('_HID', aml.eisaId('PNP0501')),
    aml.name('_UID', aml.text(id)),
    aml.method('_STA', 0, false, [aml.returned(aml.integer(STATUS_PRESENT))]),
    currentResources([...descriptors, NO_DMA]),
  ]);

/** The port that the subject monitor emulates, and the subject's own devices whose logical names begin with `serial`. */
const isaBus = ({ serial, physical }: Facts): aml.Aml =>
  aml.device('ISA', [
    aml.name('_HID', aml.eisaId('PNP0A00')),
    serialPort(0, 'serial_port_sm', [ports(0x3f8, 8), interruptLine(4)]),
    ...serial.map((device, index) =>
      serialPort(index + 1, device.logical, [
        ...device.ioPorts.flatMap(port => {
          const range = physical.get(device.physical)?.ioPorts.find(({ name }) => name === port.physical);
          return range === undefined ? [] : [ports(range.start, range.end - range.start + 1)];
        }),
        ...vectorsOf(device)
          .slice(0, 1)
          .map(vector => interruptLine(vector - FIRST_VECTOR)),
      ]),
    ),
  ]);

const hostBridge = (facts: Facts): aml.Aml =>
  aml.device('PCI0', [
    aml.name('_HID', aml.eisaId('PNP0A08')),
    aml.name('_CID', aml.eisaId('PNP0A03')),
    aml.name('_ADR', aml.integer(0)),
    aml.name('_BBN', aml.integer(0)),
    aml.method('_CBA', 0, true, [aml.returned(aml.integer(facts.pci.length > 0 ? CONFIG_SPACE.start : 0))]),
    bridgeResources(facts),
    interruptRouting(facts),
    control(),
    isaBus(facts),
  ]);

/** Working and soft-off state, both without values for the hardware. */
const sleepStates = (): readonly aml.Aml[] =>
  ['_S0', '_S5'].map(state => aml.name(state, aml.packageOf(PINS.map(() => aml.integer(0)))));

/** Why a namespace cannot describe the devices; undefined when it can. */
function obstacle({ interrupting, serial, physical }: Facts): string | undefined {
  if (serial.length > 15) return `${serial.length} serial devices, at most 15 have a name`;
  for (const device of [...interrupting, ...serial]) {
    const low = vectorsOf(device).find(vector => vector < FIRST_VECTOR);
    if (low !== undefined)
      return `vector ${low} of device '${device.logical}': Linux numbers interrupts from vector ${FIRST_VECTOR}`;
  }
  for (const device of serial) {
    const [vector] = vectorsOf(device);
    if (vector !== undefined && vector >= FIRST_VECTOR + 16)
      return `vector ${vector} of serial device '${device.logical}' is none of the 16 interrupts of a PC`;
    for (const port of device.ioPorts) {
      const range = physical.get(device.physical)?.ioPorts.find(({ name }) => name === port.physical);
      if (range !== undefined && range.end - range.start >= 0xff)
        return `port range '${port.logical}' of serial device '${device.logical}' is longer than 255 ports`;
    }
  }
  return undefined;
}

/**
 * Namespace of a Linux subject: host bridge with the windows and interrupts of its PCI devices, serial ports, power
 * states (ACPI specification, "Differentiated System Description Table"). @returns the table, or why it cannot be made.
 */
export function buildDsdt(document: PolicyDocument, subject: Subject): Result<Uint8Array, string> {
  const facts = factsOf(document, subject);
  const problem = obstacle(facts);
  if (problem !== undefined) return err(problem);
  const terms = [board(facts), aml.scope('_SB', [hostBridge(facts)]), ...sleepStates()].flat();
  const table = startTable({
    signature: 'DSDT',
    revision: 2,
    oemTableId: 'Homebrew',
    sizeBytes: HEADER_BYTES + terms.length,
  });
  table.ascii(28, COMPILER.id);
  table.u32(32, COMPILER.version);
  table.bytes.set(terms, HEADER_BYTES);
  return ok(finishTable(table));
}
