/** What `doctor` does: looks at the host and tells what it offers `--kernel linux`. */
import { KernelUnavailableError } from '../uffd/index.ts';
import { checksOf } from './doctor/checks.ts';
import { gatherFacts } from './doctor/host-facts.ts';
import { DOCTOR_SCHEMA, type DoctorReport } from './doctor/report.ts';
import { renderChecks } from './doctor/table.ts';
import { EXIT } from './errors.ts';
import { describeHost } from './host.ts';
import { checkWritable, print, wantsColour, writeJson } from './output.ts';

/** @throws KernelUnavailableError, once all is told, if `--kernel linux` cannot run here */
export async function doctor(options: { readonly json?: string | true }): Promise<number> {
  const file = options.json === true ? '-' : options.json;
  if (file !== undefined) checkWritable('--json', file);
  const facts = gatherFacts();
  const groups = checksOf(facts);
  if (file === undefined) {
    print(renderChecks(groups, wantsColour(process.stdout), process.stdout.columns));
  } else {
    const checks = groups.flatMap((group) => group.checks);
    const report: DoctorReport = { schema: DOCTOR_SCHEMA, host: describeHost(), checks };
    writeJson('--json', file, report);
  }
  if (facts.missing !== null) throw new KernelUnavailableError(facts.missing);
  return EXIT.done;
}
