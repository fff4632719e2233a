import type {
  Caching,
  LogicalDevice,
  MemoryMapping,
  MemoryType,
  PolicyDocument,
  Subject,
} from '../../src/policy/document.ts';

/** Short forms from which the tests build the few parts of a policy that page tables depend on. */
export interface RegionForm {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly type?: MemoryType;
  readonly caching?: Caching;
  readonly line?: number;
}
export interface MappingForm {
  readonly physical: string;
  readonly va: number;
  readonly writable?: boolean;
  readonly executable?: boolean;
  readonly line?: number;
}
export interface SubjectForm {
  readonly name: string;
  readonly ept?: boolean;
  readonly siblingOf?: string;
  readonly memory: readonly MappingForm[];
  readonly devices?: readonly { readonly physical: string; readonly memory: readonly MappingForm[] }[];
}
export interface SmallForm {
  readonly regions: readonly RegionForm[];
  readonly devices?: readonly { readonly name: string; readonly memory: readonly RegionForm[] }[];
  readonly subjects: readonly SubjectForm[];
  readonly kernels?: readonly (readonly MappingForm[])[];
  readonly kernelDevices?: SubjectForm['devices'];
}

const at = (line = 0) => ({ line, column: 1 });

const toMapping = (form: MappingForm): MemoryMapping => ({
  at: at(form.line),
  logical: form.physical,
  physical: form.physical,
  virtualAddress: form.va,
  writable: form.writable ?? false,
  executable: form.executable ?? false,
});

const toRegion = (form: RegionForm) => ({
  at: at(form.line),
  name: form.name,
  type: form.type ?? 'subject',
  physicalAddress: form.base,
  sizeBytes: form.size,
  alignmentBytes: 0x1000,
  caching: form.caching ?? 'WB',
});

const toDevices = (forms: SubjectForm['devices'] = []): LogicalDevice[] =>
  forms.map(form => ({
    at: at(),
    logical: form.physical,
    physical: form.physical,
    irqs: [],
    ioPorts: [],
    memory: form.memory.map(toMapping),
  }));

/** A document with only memory, devices, subjects and kernels; every other part is absent and must not be read. */
export function smallDocument(form: SmallForm): PolicyDocument {
  const subjects = form.subjects.map(subject => ({
    at: at(),
    name: subject.name,
    ...(subject.siblingOf === undefined ? {} : { siblingOf: subject.siblingOf }),
    vcpu: { controls: { proc2: { EnableEPT: subject.ept === true ? 1 : 0 } } },
    memory: subject.memory.map(toMapping),
    devices: toDevices(subject.devices),
  })) as unknown as Subject[];
  const document = {
    memory: form.regions.map(toRegion),
    hardware: {
      devices: (form.devices ?? []).map(device => ({ name: device.name, memory: device.memory.map(toRegion) })),
    },
    kernel: {
      cpus: (form.kernels ?? []).map((memory, id) => ({ at: at(), id, memory: memory.map(toMapping) })),
      devices: toDevices(form.kernelDevices),
    },
    subjects,
  };
  return document as unknown as PolicyDocument;
}
