/** How PEFT's configs name layers. */
import * as z from 'zod';

/** Layers by name: a list of names or of their endings, or one Python regular expression for whole names. */
export const Names = z.union([z.string(), z.array(z.string())]);
export type Names = z.infer<typeof Names>;

/** As PEFT matches names. Undefined where the pattern is not one of JavaScript's, too. */
export function matcher(names: Names): (path: string) => boolean | undefined {
  if (Array.isArray(names)) return path => names.some(name => path === name || path.endsWith(`.${name}`));
  if (names === 'all-linear') return () => true;
  try {
    const pattern = new RegExp(`^(?:${names})$`);
    return path => pattern.test(path);
  } catch {
    return () => undefined;
  }
}
