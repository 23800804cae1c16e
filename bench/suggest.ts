/** "Did you mean": the known word nearest to a mistyped one. */

/** Insertions, deletions and replacements that turn `from` into `to`. */
export function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}

/** ` (did you mean X?)`, or nothing if no known word is near. */
export function suggestion(word: string, known: Iterable<string>): string {
  const near = [...known]
    .map((name) => ({ name, distance: editDistance(word.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length * 0.4)))
    .sort((a, b) => a.distance - b.distance);
  return near[0] ? ` (did you mean ${near[0].name}?)` : '';
}
