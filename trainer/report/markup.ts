/** HTML as tagged templates that escape whatever is put into them: labels, texts and paths are anybody's. */
import { raw, html as template } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

export type Html = HtmlEscapedString;

/** What is interpolated is escaped, unless it is Html already; lists are joined, null and false vanish. */
export const html = (strings: TemplateStringsArray, ...values: unknown[]): Html =>
  // A promise only where one is put in, and none is.
  template(strings, ...values) as Html;

/** For markup that a serializer has escaped. */
export const trusted = (markup: string): Html => raw(markup);
