/// <reference path="./html.d.ts" />
/** GET /playground: one page that holds its style and its script, and asks this API with a key that a person types. */
import { createHash } from 'node:crypto';
import type { Hono } from 'hono';
import type { RequestEnv } from '../context.ts';
import { addFile } from '../pages.ts';
import page from './page.html';

export function addPlayground(app: Hono<RequestEnv>): void {
  addFile(app, '/playground', {
    type: 'text/html; charset=utf-8',
    read: async () => page,
    policy: [`script-src ${hashOf('script')}`, `style-src ${hashOf('style')}`, 'img-src data:'],
  });
}

/** The page's own text between such tags, as a policy allows it: https://www.w3.org/TR/CSP3/#grammardef-hash-source */
function hashOf(tag: 'script' | 'style'): string {
  const text = new RegExp(`<${tag}[^>]*>([^]*?)</${tag}>`).exec(page)![1]!;
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
