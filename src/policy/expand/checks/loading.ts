import { placeOf } from '../../finding.ts';
import { childNamed, type TreeElement } from '../../tree.ts';
import { mappingsOf, monitorsOf, nameOf, originOf, subjectsByName, subjectsOf } from '../subjects.ts';
import { reportUnknown, type SourceCheck } from './source-check.ts';

/** Checks of who brings and maps memory for whom: siblings, subjects that load themselves, device domains, tau0. */
export const LOADING_CHECKS: readonly SourceCheck[] = [
  {
    code: 'EXPAND-SIBLING-BOOTPARAMS',
    name: 'Subject_Sibling_Bootparams',
    title: 'Validate that siblings have no boot parameters.',
    check(workspace, report) {
      for (const subject of subjectsOf(workspace)) {
        const parameters = childNamed(subject, 'bootparams');
        if (originOf(subject) === undefined || parameters === undefined || parameters.text.trim() === '') continue;
        const message = `subject '${nameOf(subject)}', a sibling of '${originOf(subject)}', has boot parameters`;
        report(parameters, message, 'Give them to the origin: it boots for all.');
      }
    },
  },
  {
    code: 'EXPAND-SIBLING-MEMORY',
    name: 'Subject_Sibling_Memory',
    title: 'Validate that siblings bring no memory of their own.',
    check(workspace, report) {
      for (const subject of subjectsOf(workspace)) {
        if (originOf(subject) === undefined) continue;
        for (const mapping of mappingsOf(subject)) {
          const message = `subject '${nameOf(subject)}', a sibling of '${originOf(subject)}', maps '${mapping.attributes.logical ?? ''}'`;
          report(mapping, message, 'Map it in the origin: siblings share its address space.');
        }
      }
    },
  },
  {
    code: 'EXPAND-MUINIT',
    name: 'Subject_Muinit_Loader_Presence',
    title: 'Validate that subjects map muinit if, and only if, they load themselves.',
    check(workspace, report) {
      for (const subject of subjectsOf(workspace)) {
        const muinit = mappingsOf(subject).find(({ attributes }) => attributes.logical === 'muinit');
        const loader = monitorsOf(subject).find(
          ({ name, attributes }) => name === 'loader' && attributes.subject === nameOf(subject),
        );
        if (muinit !== undefined && loader === undefined) {
          const hint = `Add <loader subject="${nameOf(subject)}" .../> to its monitor section.`;
          report(muinit, `subject '${nameOf(subject)}' maps muinit, but does not load itself`, hint);
        }
        if (loader !== undefined && muinit === undefined) {
          const message = `subject '${nameOf(subject)}' loads itself, but does not map muinit, which does it`;
          report(loader, message, 'Let its component depend on libmuinit, or remove the loader.');
        }
      }
    },
  },
  {
    code: 'EXPAND-DOMAIN-SUBJECT',
    name: 'Domain_Map_Subject_Memory_References',
    title: 'Validate that subjects whose memory device domains map exist.',
    check(workspace, report) {
      const known = { names: subjectsByName(workspace), hint: 'Name a subject of the policy.' };
      for (const domain of workspace.all('deviceDomains/domain')) {
        const maps = (childNamed(domain, 'memory')?.children ?? []).filter(({ name }) => name === 'mapSubjectMemory');
        const what = () => `device domain '${nameOf(domain)}' maps the memory of the subject`;
        reportUnknown(report, known, maps, ({ attributes }) => attributes.subject, what);
      }
    },
  },
  {
    code: 'EXPAND-TAU0',
    name: 'Tau0_Presence_In_Scheduling',
    title: 'Validate that tau0 is scheduled where there are several major frames to choose from.',
    check(workspace, report) {
      const [, second] = workspace.all('scheduling/majorFrame');
      const scheduled = workspace.all('scheduling/partitions/partition/group/subject');
      if (second === undefined || scheduled.some((entry: TreeElement) => nameOf(entry) === 'tau0')) return;
      const message = `there is a second major frame (${placeOf(second)}), but tau0, which chooses among them, is not scheduled`;
      report(second, message, "Add the subject 'tau0' to a scheduling group, or leave one major frame.");
    },
  },
];
