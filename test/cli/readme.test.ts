/** The README's examples do what their comments say. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'minorfault-readme-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const examples = new Map(
  [
    ...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/<!-- example: (\S+) -->\n```js\n(.*?)```/gs),
  ].map(([, name, code]) => [name as string, code as string]),
);
mkdirSync(join(folder, 'node_modules'));
symlinkSync(root, join(folder, 'node_modules/minorfault'));
for (const [name, code] of examples) writeFileSync(join(folder, name), code);

function run(name: string): string {
  return execFileSync(process.execPath, [join(folder, name)], { encoding: 'utf8', timeout: 60_000 });
}

test('there are three examples', () => {
  expect([...examples.keys()]).toEqual(['list.mjs', 'main.mjs', 'uffd.mjs']);
});

test('a mutator builds a list, and a collection keeps it', () => {
  const output = run('main.mjs');
  expect(output).toContain('4999950000\n');
  expect(output).toContain('UFFDIO_CONTINUE');
});

test('CONTINUE maps a page of the page cache', () => {
  expect(run('uffd.mjs')).toBe('{ done: 4096, errno: 0 }\n42\n');
});
