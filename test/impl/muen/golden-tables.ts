import { readdirSync, readFileSync } from 'node:fs';
import { sharedPath } from '../../policy/shared-files.ts';

/* The kernel specification that the real toolchain generated (`kernel_tables.json`), with `others` entries and Ada names resolved. */

export interface GoldenSource {
  readonly action: string;
  /** -1 for none. */
  readonly target: number;
  /** -1 for none. */
  readonly targetEvent: number;
  readonly handover: boolean;
  readonly ipi: boolean;
  readonly irq: number;
}
export interface GoldenTarget {
  readonly action: string;
  readonly vector: number;
}
export interface GoldenSubject {
  readonly traps: readonly GoldenSource[];
  readonly vmcalls: readonly GoldenSource[];
  readonly targets: readonly GoldenTarget[];
  readonly partition: number;
  readonly group: number;
  readonly spec: GoldenSpec;
}
type Segment = Readonly<Record<'Selector' | 'Base' | 'Limit' | 'Access_Rights', number>>;
export interface GoldenSpec {
  readonly CPU_ID: number;
  readonly PML4_Address: number;
  readonly EPT_Pointer: number;
  readonly VMCS_Address: number;
  readonly IO_Bitmap_Address: number;
  readonly MSR_Bitmap_Address: number;
  readonly MSR_Store_Address: number;
  readonly MSR_Count: number;
  readonly Stack_Address: number;
  readonly Entry_Point: number;
  readonly GPRs: Readonly<Record<string, number>>;
  readonly Segment_Regs: Readonly<Record<string, Segment>>;
  readonly CR0_Value: number;
  readonly CR0_Shadow: number;
  /** All 64 bits. */
  readonly CR0_Mask: bigint;
  readonly CR4_Value: number;
  readonly CR4_Shadow: number;
  readonly CR4_Mask: bigint;
  readonly Exception_Bitmap: number;
  readonly VMX_Controls: Readonly<
    Record<'Exec_Pin' | 'Exec_Proc' | 'Exec_Proc2' | 'Exit_Ctrls' | 'Entry_Ctrls', number>
  >;
}
export interface GoldenMinor {
  readonly partition: number;
  readonly barrier: number;
  readonly deadlineCycles: number;
}
export interface GoldenTables {
  readonly cpuCount: number;
  /** [cpu][major] */
  readonly plans: readonly (readonly (readonly GoldenMinor[])[])[];
  readonly periods: readonly number[];
  /** [major][barrier - 1] */
  readonly barrierSizes: readonly (readonly number[])[];
  /** By partition id, entry 0 empty. */
  readonly partitionGroups: readonly (readonly number[])[];
  /** By group id, entry 0 unused. */
  readonly groups: readonly { readonly initialSubject: number; readonly index: number }[];
  readonly subjects: readonly GoldenSubject[];
  /** By host vector. */
  readonly routes: ReadonlyMap<number, { readonly subject: number; readonly vector: number }>;
  readonly levelVectors: ReadonlySet<number>;
  readonly vmxTimerRate: number;
  readonly tscKhz: number;
}

/** Names of the systems. */
export const goldenSystems = (): readonly string[] => readdirSync(sharedPath('golden/systems')).sort();

type Json = Readonly<Record<string, unknown>>;

/** Keys other than `others`, as numbers. */
const numbered = <T>(table: Readonly<Record<string, T>>): (readonly [number, T])[] =>
  Object.entries(table)
    .filter(([key]) => key !== 'others')
    .map(([key, value]) => [Number(key), value] as const);

/** A dense list from a table with `others`; a name instead of a table (`Null_..._Table`) stands for one where all are `missing`. */
function filled<T>(table: unknown, count: number, missing: T, convert: (entry: Json | string) => T): T[] {
  if (typeof table === 'string') return Array.from({ length: count }, () => missing);
  const entries = table as Readonly<Record<string, Json | string>>;
  const list = Array.from({ length: count }, () => ('others' in entries ? convert(entries.others!) : missing));
  for (const [index, entry] of numbered(entries)) list[index] = convert(entry);
  return list;
}

const NO_ACTION: GoldenSource = {
  action: 'No_Action',
  target: -1,
  targetEvent: -1,
  handover: false,
  ipi: false,
  irq: 0,
};
const PANIC: GoldenSource = { ...NO_ACTION, action: 'System_Panic' };

/** An entry is a record or the name of a constant. */
function source(entry: Json | string): GoldenSource {
  if (entry === 'Null_Source_Event') return NO_ACTION;
  if (entry === 'Invalid_Trap_Event') return PANIC;
  if (typeof entry === 'string') throw new Error(`unknown source event ${entry}`);
  const numberOr = (value: unknown): number => (typeof value === 'number' ? value : -1);
  return {
    action: String(entry.Source_Action),
    target: numberOr(entry.Target_Subject),
    targetEvent: numberOr(entry.Target_Event),
    handover: entry.Handover === 'True',
    ipi: entry.Send_IPI === 'True',
    irq: Number(entry.IRQ_Number),
  };
}

function target(entry: Json | string): GoldenTarget {
  if (entry === 'Null_Target_Event') return { action: 'No_Action', vector: 0 };
  if (typeof entry === 'string') throw new Error(`unknown target event ${entry}`);
  return { action: String(entry.Kind), vector: typeof entry.Vector === 'number' ? entry.Vector : 0 };
}

/** Values of 64 bits do not fit into a JSON number: reads `path`'s integers of 16 and more digits as strings. */
function readTables(system: string): Record<string, Json> {
  const text = readFileSync(sharedPath(`golden/systems/${system}/kernel_tables.json`), 'utf8');
  return JSON.parse(text.replace(/: (\d{16,})/g, ': "$1"')) as Record<string, Json>;
}

function plansOf(scheduling: Json): GoldenMinor[][][] {
  type Frame = { Partition_ID: number; Barrier: number | string; Deadline: number };
  type Plan = { Length: number; Minor_Frames: Record<string, Frame> };
  const plans = scheduling.Scheduling_Plans as Record<string, Record<string, Plan>>;
  return numbered(plans).map(([, majors]) =>
    numbered(majors).map(([, { Length, Minor_Frames }]) =>
      Array.from({ length: Length }, (_, index) => {
        const frame = Minor_Frames[String(index + 1)]!;
        const barrier = typeof frame.Barrier === 'number' ? frame.Barrier : 0;
        return { partition: frame.Partition_ID, barrier, deadlineCycles: frame.Deadline };
      }),
    ),
  );
}

function subjectsOf(tables: Record<string, Json>): GoldenSubject[] {
  const events = tables.events!.Subject_Events as Record<string, Json>;
  const specs = tables.subjects!.Subject_Specs as Record<string, Json>;
  const partitions = tables.scheduling!.Subject_To_Scheduling_Partition as Record<string, number>;
  const groups = tables.scheduling!.Subject_To_Scheduling_Group as Record<string, number>;
  return numbered(specs).map(([id, spec]) => {
    const own = events[String(id)]!;
    return {
      traps: filled(own.Source_Traps, 60, PANIC, source),
      vmcalls: filled(own.Source_Events, 64, NO_ACTION, source),
      targets: filled(own.Target_Events, 64, target('Null_Target_Event'), target),
      partition: partitions[String(id)]!,
      group: groups[String(id)]!,
      spec: {
        ...spec,
        CR0_Mask: BigInt(String(spec.CR0_Mask)),
        CR4_Mask: BigInt(String(spec.CR4_Mask)),
      } as unknown as GoldenSpec,
    };
  });
}

/** The tables of one system. */
export function goldenTables(system: string): GoldenTables {
  const tables = readTables(system);
  const scheduling = tables.scheduling!;
  const majors = numbered(
    scheduling.Major_Frames as Record<string, { Period: number; Barrier_Config: Record<string, unknown> }>,
  );
  const barrierCount = Math.max(
    0,
    ...majors.flatMap(([, major]) => numbered(major.Barrier_Config).map(([barrier]) => barrier)),
  );
  const partitions = scheduling.Scheduling_Partition_Config as Record<
    string,
    { Last_Group_Index: number; Groups: Record<string, number> }
  >;
  const groups = scheduling.Scheduling_Group_Config as Record<string, { Initial_Subject: number; Group_Index: number }>;
  const irqs = Object.values(tables.interrupts!.IRQ_Routing as Record<string, { IRQ_Mode: string; Vector: number }>);
  const routes = numbered(tables.interrupts!.Vector_Routing as Record<string, { Subject: number; Vector: number }>);
  return {
    cpuCount: tables.system!.CPU_Count as number,
    plans: plansOf(scheduling),
    periods: majors.map(([, major]) => major.Period),
    barrierSizes: majors.map(([, { Barrier_Config }]) =>
      filled(Barrier_Config, barrierCount + 1, 1, size =>
        size === "Barrier_Size_Type'First" ? 1 : Number(size),
      ).slice(1),
    ),
    partitionGroups: [
      [],
      ...numbered(partitions).map(([, { Last_Group_Index, Groups }]) =>
        Array.from({ length: Last_Group_Index + 1 }, (_, index) => Groups[String(index)]!),
      ),
    ],
    groups: [
      { initialSubject: 0, index: 0 },
      ...numbered(groups).map(([, group]) => ({ initialSubject: group.Initial_Subject, index: group.Group_Index })),
    ],
    subjects: subjectsOf(tables),
    routes: new Map(routes.map(([vector, route]) => [vector, { subject: route.Subject, vector: route.Vector }])),
    levelVectors: new Set(irqs.filter(irq => irq.IRQ_Mode === 'Level').map(irq => irq.Vector)),
    vmxTimerRate: scheduling.VMX_Timer_Rate as number,
    tscKhz: tables.kernel!.TSC_Khz as number,
  };
}
