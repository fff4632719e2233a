import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { GenodeOps } from '../core/genode-ops.ts';
import type { InitConfig, InitEra } from '../init/config.ts';
import { configRomService } from '../init/config-rom.ts';
import { readInitText } from '../init/read-text.ts';
import type { RomModules } from '../services/rom.ts';
import type { Service } from '../services/service.ts';
import { type HostedService, hostService } from '../services/service-host.ts';
import { SERVICE_PROGRAMS } from '../services/service-programs.ts';
import type { Program, ProgramOps, ProgramRow } from './component.ts';
import { coreServices } from './core-services.ts';
import type { ProgramSource } from './state.ts';
import type { SubjectInfo } from './subject-info.ts';

/** What a binary is: services, or a program of its own kind. */
export type Made =
  | { readonly kind: 'services'; readonly services: readonly Service<never>[] }
  | { readonly kind: 'program'; readonly program: Program<never> };

/** The programs of an instance, made from their configurations, each once. */
export class Library {
  readonly ops: GenodeOps;
  /** What every init serves to its children. */
  readonly initServices: readonly Service<never>[];
  readonly #modules: RomModules;
  readonly #programs: readonly ProgramRow[];
  readonly #programOps: ProgramOps;
  readonly #made = new WeakMap<object, Result<Made, string>>();
  readonly #configs = new Map<string, Result<InitConfig, string>>();

  constructor(modules: RomModules, programs: readonly ProgramRow[], ops: ProgramOps) {
    this.#modules = modules;
    this.#programs = programs;
    this.#programOps = ops;
    this.ops = ops.genode;
    this.initServices = [configRomService(ops.genode.service)] as unknown as readonly Service<never>[];
  }

  /** Services that core itself provides. */
  core(info: SubjectInfo): readonly Service<never>[] {
    const made = this.#remember(info, () =>
      ok({ kind: 'services', services: coreServices(info, this.#modules, this.ops) }),
    );
    return made.ok && made.value.kind === 'services' ? made.value.services : [];
  }

  /** Program of a component; the text says why there is none. */
  make(source: ProgramSource): Result<Made, string> {
    return this.#remember(source, () => {
      const { binary, config, roms } = source;
      const service = SERVICE_PROGRAMS.find(row => row.binary === binary);
      if (service !== undefined) {
        const created = service.create(config, this.ops.service, roms);
        return created.ok ? ok({ kind: 'services', services: [created.value] }) : created;
      }
      const row = this.#programs.find(candidate => candidate.binary === binary);
      if (row === undefined) return err(`no program "${binary}"`);
      const created = row.create(config, this.#programOps);
      return created.ok ? ok({ kind: 'program', program: created.value }) : created;
    });
  }

  /** ROM modules that a program works on, by its configuration. */
  romsOf(binary: string, config: XmlElement | undefined): readonly string[] {
    return SERVICE_PROGRAMS.find(row => row.binary === binary)?.roms?.(config) ?? [];
  }

  /** A service that has no sessions yet. */
  readonly hosted = (service: Service<never>): HostedService<never> => hostService(service);

  /** Configuration of an init from the text of its ROM module; an empty module starts nothing. */
  config(text: string, era: InitEra | undefined): Result<InitConfig, string> {
    const key = `${era ?? ''} ${text}`;
    const known = this.#configs.get(key) ?? readInitText(text === '' ? '<config/>' : text, era);
    this.#configs.set(key, known);
    return known;
  }

  #remember(key: object, make: () => Result<Made, string>): Result<Made, string> {
    const known = this.#made.get(key) ?? make();
    this.#made.set(key, known);
    return known;
  }
}
