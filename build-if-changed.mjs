/**
 * `npm run build`: tsc and build.mjs, unless dist/ is just what they made of just these sources. npm asks for it at each install,
 * start, test and pack.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Goes with what was installed, which dist/ is made by. */
const STAMP = 'node_modules/.built';
const ROOMS = ['uffd', 'heap', 'gc', 'bench'];
const OTHERS = ['build.mjs', 'build-if-changed.mjs', 'tsconfig.json', 'package.json', 'package-lock.json'];

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/** What the sources say, and when each file of dist/ was written, by whomever. */
function state() {
  if (!existsSync('dist')) return null;
  const hash = createHash('sha256');
  for (const file of [...ROOMS.flatMap(filesIn), ...OTHERS])
    hash.update(`${file}\n`).update(readFileSync(file));
  for (const file of filesIn('dist')) hash.update(`${file} ${statSync(file).mtimeMs}\n`);
  return hash.digest('hex');
}

const last = existsSync(STAMP) ? readFileSync(STAMP, 'utf8') : '';
if (state() !== last) {
  for (const script of ['node_modules/typescript/bin/tsc', 'build.mjs']) {
    const { status } = spawnSync(process.execPath, [script], { stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1); // it has said why
  }
  writeFileSync(STAMP, state());
}
