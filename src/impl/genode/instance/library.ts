import type { XmlElement } from '../../../policy/xml.ts';
import { err, ok, type Result } from '../../../units/result.ts';
import type { RomModules } from '../services/rom.ts';
import type { Service } from '../services/service.ts';
import { type HostedService, hostService } from '../services/service-host.ts';
import { SERVICE_PROGRAMS } from '../services/service-programs.ts';
import type { Program, ProgramOps, ProgramRow } from './component.ts';
import { coreServices } from './core-services.ts';
import type { SubjectInfo } from './subject-info.ts';
import { CORE } from './workspace.ts';

/** What a binary is: services, or a program of its own kind. */
export type Made =
  | { readonly kind: 'services'; readonly services: readonly Service<never>[] }
  | { readonly kind: 'program'; readonly program: Program<never> };

/** The programs of an instance, made from their configurations, each once. */
export class Library {
  readonly #modules: RomModules;
  readonly #programs: readonly ProgramRow[];
  readonly #ops: ProgramOps;
  readonly #made = new Map<string, Result<Made, string>>();

  constructor(modules: RomModules, programs: readonly ProgramRow[], ops: ProgramOps) {
    this.#modules = modules;
    this.#programs = programs;
    this.#ops = ops;
  }

  /** Services that core itself provides. */
  core(info: SubjectInfo): readonly Service<never>[] {
    const made = this.#remember(`${CORE}`, () =>
      ok({ kind: 'services', services: coreServices(info, this.#modules, this.#ops.genode.service) }),
    );
    return made.ok && made.value.kind === 'services' ? made.value.services : [];
  }

  /** Program of a component; the text says why there is none. */
  make(component: number, binary: string, config: XmlElement | undefined): Result<Made, string> {
    return this.#remember(`${component} ${binary}`, () => {
      const service = SERVICE_PROGRAMS.find(row => row.binary === binary);
      if (service !== undefined) {
        const created = service.create(config, this.#ops.genode.service);
        return created.ok ? ok({ kind: 'services', services: [created.value] }) : created;
      }
      const row = this.#programs.find(candidate => candidate.binary === binary);
      if (row === undefined) return err(`no program "${binary}"`);
      const created = row.create(config, this.#ops);
      return created.ok ? ok({ kind: 'program', program: created.value }) : created;
    });
  }

  /** A service that has no sessions yet. */
  readonly hosted = (service: Service<never>): HostedService<never> => hostService(service);

  #remember(key: string, make: () => Result<Made, string>): Result<Made, string> {
    const known = this.#made.get(key) ?? make();
    this.#made.set(key, known);
    return known;
  }
}
