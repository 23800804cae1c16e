/** The result file of `doctor`, as a schema and as the types that follow from it. */
import type { Static } from 'typebox';
import { type Host, HostSchema } from '../results.ts';
import { Type } from '../typebox.ts';

export const DOCTOR_SCHEMA = 'minorfault/doctor/1';

const Text = Type.Union([Type.String(), Type.Null()]);

export const CheckSchema = Type.Object({
  name: Type.String(),
  /** Whether it is here. */
  ok: Type.Boolean(),
  /** null where it could not be looked at. */
  found: Text,
  /** What it is for; if it is not ok, why not, as far as can be told. */
  why: Text,
  /** What would help; null where nothing needs to, or nothing does. */
  remedy: Text,
});

export const DoctorReportSchema = Type.Object({
  schema: Type.Literal(DOCTOR_SCHEMA),
  host: HostSchema,
  checks: Type.Array(CheckSchema),
});

export type Check = Readonly<Static<typeof CheckSchema>>;

/** What could not be looked at: without FFI, without a userfaultfd, or where this is not Linux. */
export const UNKNOWN = { ok: false, found: null, remedy: null } as const;

export interface DoctorReport {
  readonly schema: typeof DOCTOR_SCHEMA;
  readonly host: Host;
  readonly checks: readonly Check[];
}

/** Checks that are read together. */
export interface CheckGroup {
  readonly title: string;
  readonly checks: readonly Check[];
}
